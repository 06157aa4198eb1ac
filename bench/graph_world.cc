#include "bench/graph_world.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <unordered_map>

#include "base/check.h"
#include "base/random.h"
#include "bench/world.h"
#include "codec/crypto.h"
#include "features/accounts/keys.h"
#include "features/relationships/keys.h"
#include "features/relationships/records.pb.h"
#include "net/scopes.h"

namespace stampede::bench {
namespace {

namespace fs = std::filesystem;
using relationships::List;

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
// How long before the loading things happened; a follow takes a millisecond of its own.
constexpr int64_t kAccountsAgoMs = 60 * kDayMs;
constexpr int64_t kFollowsAgoMs = 50 * kDayMs;
constexpr int64_t kPostsAgoMs = 10 * kDayMs;
static_assert(kFollowsAgoMs > int64_t{UINT32_MAX});

struct RowView {
  std::string_view key, value;
};

// Keeps rows in memory by partition, and sorts them there.
class PartitionedRows final : public RowSink {
 public:
  void Take(const store::Batch& batch) override {
    for (const auto& write : batch.writes()) {
      if (write.kind == store::Batch::Kind::kAdd) {
        counters_[write.key] += write.delta;
      } else {
        STAMPEDE_CHECK(write.kind == store::Batch::Kind::kPut);
        Put(write.key, write.value);
      }
    }
  }
  void Finish() override {
    for (const auto& [key, value] : counters_) Put(key, store::EncodeCounter(value));
    counters_.clear();
  }
  // In the order of keys. Valid until something is taken.
  std::vector<RowView> Sorted(Partition partition) const;

 private:
  void Put(std::string_view key, std::string_view value) {
    std::string& bytes = bytes_[static_cast<size_t>(store::PartitionOfKey(key))];
    for (auto text : {key, value}) {
      auto length = static_cast<uint32_t>(text.size());
      bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
      bytes.append(text);
    }
  }

  std::vector<std::string> bytes_{kPartitionCount};  // length and text of keys and values
  std::unordered_map<std::string, int64_t> counters_;
};

std::vector<RowView> PartitionedRows::Sorted(Partition partition) const {
  std::string_view rest = bytes_[static_cast<size_t>(partition)];
  auto next = [&rest] {
    uint32_t length;
    std::memcpy(&length, rest.data(), sizeof length);
    std::string_view text = rest.substr(sizeof length, length);
    rest.remove_prefix(sizeof length + length);
    return text;
  };
  std::vector<RowView> rows;
  while (!rest.empty()) {
    std::string_view key = next();
    rows.push_back({key, next()});
  }
  std::ranges::sort(rows, [](const RowView& a, const RowView& b) {
    return a.key != b.key ? a.key < b.key : a.key.data() < b.key.data();  // in the order taken
  });
  std::vector<RowView> last;
  for (const RowView& row : rows) {
    if (!last.empty() && last.back().key == row.key)
      last.back() = row;
    else
      last.push_back(row);
  }
  return last;
}

std::string MarkerOf(const std::string& data_dir) { return data_dir + "/graph.txt"; }

// All that decides who follows whom; whose posts there are already makes no difference to a run.
std::string Describe(const GraphWorldOptions& options) {
  const GraphOptions& graph = options.graph;
  std::ostringstream text;
  text << "graph 1 seed " << graph.seed << " accounts " << graph.accounts << " follows "
       << graph.follows << " largest " << graph.largest_share << " posts " << options.posts;
  return text.str();
}

}  // namespace

// Writes a world partition by partition, every row in its place.
class GraphWorld::Bulk {
 public:
  explicit Bulk(const GraphWorld& world);
  void Write(store::RocksDbStore& store);

 private:
  void FindFollowers();
  void WritePartition(Partition partition, store::BulkWriter& out) const;
  void WriteRelations(uint32_t reader, std::span<const uint32_t> follows,
                      store::BulkWriter& out) const;
  void WriteFollowing(uint32_t reader, std::span<const uint32_t> follows,
                      store::BulkWriter& out) const;
  void WriteFollowers(uint32_t author, store::BulkWriter& out) const;

  const GraphWorld& world_;
  const Graph& graph_;
  PartitionedRows rows_;
  std::vector<std::vector<uint32_t>> members_{kPartitionCount};
  // The edges into each author, from first_[author] on, in the order of following.
  std::vector<uint32_t> edges_;
  std::vector<uint64_t> first_;
};

GraphWorld::Bulk::Bulk(const GraphWorld& world) : world_(world), graph_(world.graph()) {
  Site site;
  site.base_url = "http://localhost";
  Loader loader(rows_, site);
  world.AddPeople(loader);
  store::Batch counters;
  for (uint32_t i = 0; i < graph_.accounts(); ++i) {
    AccountId account = world.account(i);
    members_[static_cast<size_t>(account.partition())].push_back(i);
    auto add = [&](accounts::AccountCounter counter, uint32_t value) {
      store::Batch batch;
      batch.Put(accounts::CounterKey(account, counter), store::EncodeCounter(value));
      if (value > 0) rows_.Take(batch);
    };
    add(accounts::AccountCounter::kFollowers, graph_.followers(i));
    add(accounts::AccountCounter::kFollowing,
        graph_.follows_each() - (i == graph_.celebrity() ? 1 : 0));
  }
  loader.Finish();
  FindFollowers();
}

void GraphWorld::Bulk::FindFollowers() {
  first_.resize(graph_.accounts() + 1);
  for (uint32_t i = 0; i < graph_.accounts(); ++i) first_[i + 1] = first_[i] + graph_.followers(i);
  edges_.resize(first_.back());
  std::vector<uint64_t> next(first_.begin(), first_.end() - 1);
  std::vector<uint32_t> follows;
  for (uint32_t reader = 0; reader < graph_.accounts(); ++reader) {
    graph_.Follows(reader, follows);
    for (uint32_t nth = 0; nth < follows.size(); ++nth) {
      edges_[next[follows[nth]]++] = reader * graph_.follows_each() + nth;
    }
  }
}

void GraphWorld::Bulk::Write(store::RocksDbStore& store) {
  constexpr unsigned kThreads = 2;
  std::vector<std::jthread> threads;
  std::array<std::exception_ptr, kThreads> failures;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread, &store, &failures] {
      try {
        auto out = store.NewBulkWriter();
        for (unsigned p = kPartitionCount * thread / kThreads;
             p < kPartitionCount * (thread + 1) / kThreads; ++p) {
          WritePartition(static_cast<Partition>(p), *out);
        }
        out->Finish();
      } catch (...) {
        failures[thread] = std::current_exception();
      }
    });
  }
  threads.clear();  // waits
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

// Tables come in the order of their bytes: those before relations, the three of follows, the rest.
void GraphWorld::Bulk::WritePartition(Partition partition, store::BulkWriter& out) const {
  const AccountId any = AccountId::Make(0, partition, 0);
  const std::string follows_begin = relationships::RelationKey(any, any).substr(0, 3);
  std::vector<RowView> rows = rows_.Sorted(partition);
  size_t next = 0;
  for (; next < rows.size() && rows[next].key < follows_begin; ++next) {
    out.Put(rows[next].key, rows[next].value);
  }
  const auto& members = members_[static_cast<size_t>(partition)];
  std::vector<std::vector<uint32_t>> follows(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    graph_.Follows(members[i], follows[i]);
    WriteRelations(members[i], follows[i], out);
  }
  for (size_t i = 0; i < members.size(); ++i) WriteFollowing(members[i], follows[i], out);
  for (uint32_t author : members) WriteFollowers(author, out);
  for (; next < rows.size(); ++next) out.Put(rows[next].key, rows[next].value);
}

void GraphWorld::Bulk::WriteRelations(uint32_t reader, std::span<const uint32_t> follows,
                                      store::BulkWriter& out) const {
  std::vector<std::pair<AccountId, uint32_t>> targets;
  for (uint32_t nth = 0; nth < follows.size(); ++nth) {
    targets.emplace_back(world_.account(follows[nth]), nth);
  }
  std::ranges::sort(targets);
  relationships::RelationRecord record;
  record.mutable_follow()->set_reblogs(true);
  std::string value;
  for (auto [target, nth] : targets) {
    RelationId id = world_.follow(reader, nth);
    record.mutable_follow()->set_id(id.value());
    record.mutable_follow()->set_created_ms(id.time_ms());
    record.SerializeToString(&value);
    out.Put(relationships::RelationKey(world_.account(reader), target), value);
  }
}

void GraphWorld::Bulk::WriteFollowing(uint32_t reader, std::span<const uint32_t> follows,
                                      store::BulkWriter& out) const {
  relationships::FollowRow row;
  row.set_reblogs(true);
  std::string value;
  for (auto nth = static_cast<uint32_t>(follows.size()); nth-- > 0;) {  // newest first
    row.set_account(world_.account(follows[nth]).value());
    row.SerializeToString(&value);
    out.Put(
        relationships::RowKey(List::kFollowing, world_.account(reader), world_.follow(reader, nth)),
        value);
  }
}

void GraphWorld::Bulk::WriteFollowers(uint32_t author, store::BulkWriter& out) const {
  relationships::FollowRow row;
  row.set_reblogs(true);
  std::string value;
  for (uint64_t at = first_[author + 1]; at-- > first_[author];) {  // newest first
    uint32_t reader = edges_[at] / graph_.follows_each();
    row.set_account(world_.account(reader).value());
    row.SerializeToString(&value);
    out.Put(relationships::RowKey(List::kFollowers, world_.account(author),
                                  world_.FollowOfEdge(edges_[at])),
            value);
  }
}

GraphWorld::GraphWorld(const GraphWorldOptions& options, int64_t loaded_ms)
    : options_(options), graph_(options.graph), loaded_ms_(loaded_ms) {}

AccountId GraphWorld::account(uint32_t position) const {
  auto partition = static_cast<Partition>(SplitMix::Mix(position + 1) % kPartitionCount);
  return AccountId::Make(loaded_ms_ - kAccountsAgoMs + (position >> kSequenceBits), partition,
                         position);
}

std::string GraphWorld::token(uint32_t position) const {
  SplitMix random(SplitMix::Mix(static_cast<uint64_t>(loaded_ms_)) + position);
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(random()),
                static_cast<unsigned long long>(random()));
  return text;
}

RelationId GraphWorld::FollowOfEdge(uint32_t edge) const {
  Partition partition = account(edge / graph_.follows_each()).partition();
  return RelationId::Make(loaded_ms_ - kFollowsAgoMs + edge, partition, 0);
}

void GraphWorld::AddPeople(Loader& loader) const {
  SeededRandom random(options_.graph.seed);
  const LoadedApp app{.id = AppId::Make(loaded_ms_ - kAccountsAgoMs, Partition{1}, 0),
                      .name = "Bench",
                      .client_id = random.Token(),
                      .client_secret_hash = codec::Sha256(random.Token()),
                      .redirect_uri = "urn:ietf:wg:oauth:2.0:oob",
                      .scopes = net::ScopeSet::Parse("read write follow")->bits()};
  loader.AddApp(app);
  for (uint32_t i = 0; i < graph_.accounts(); ++i) {
    AccountId id = account(i);
    std::string name = username(i);
    loader.AddMember({.account = id, .username = name, .email = name + "@example.org"});
    loader.AddToken(TokenId::Make(loaded_ms_ - 1, id.partition(), 0), token(i), app, id);
  }
  Prose prose(random);
  SplitMix authors(options_.graph.seed);
  for (uint32_t i = 0; i < options_.posts; ++i) {
    AccountId author = account(graph_.DrawAuthor(authors()));
    int64_t ms = loaded_ms_ - kPostsAgoMs + kPostsAgoMs / 2 * i / options_.posts;
    loader.AddPost(author, StatusId::Make(ms, author.partition(), i), prose.Next(), app);
  }
}

void GraphWorld::BulkLoad(store::RocksDbStore& store) const { Bulk(*this).Write(store); }

void GraphWorld::MarkChanged(const std::string& data_dir) {
  std::ofstream(MarkerOf(data_dir)) << "not as loaded\n";
}

void GraphWorld::MarkLoaded(const std::string& data_dir) const {
  std::ofstream(MarkerOf(data_dir)) << Describe(options_) << '\n' << loaded_ms_ << '\n';
}

std::unique_ptr<GraphWorld> GraphWorld::OpenOrLoad(const std::string& data_dir,
                                                   const GraphWorldOptions& options, Clock& clock) {
  const std::string marker = MarkerOf(data_dir);
  std::ifstream in(marker);
  std::string description;
  int64_t loaded_ms = 0;
  if (std::getline(in, description) && description == Describe(options) && in >> loaded_ms) {
    return std::make_unique<GraphWorld>(options, loaded_ms);
  }
  if (fs::exists(data_dir) && !fs::is_empty(data_dir) && !fs::exists(marker)) {
    throw std::invalid_argument(data_dir + " holds something else: not touched");
  }
  fs::remove_all(data_dir);
  fs::create_directories(data_dir);
  MarkChanged(data_dir);
  auto world = std::make_unique<GraphWorld>(options, clock.NowMs());
  world->BulkLoad(*store::OpenRocksDb({.path = data_dir + "/store"}));
  world->MarkLoaded(data_dir);
  return world;
}

}  // namespace stampede::bench
