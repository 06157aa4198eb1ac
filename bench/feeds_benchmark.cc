// Microbenchmarks of what a delivery, a rebuild and a request are made of. Run it alone on the
// machine: bench_feeds --benchmark_filter=Deliver

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>

#include "base/huge_pages.h"
#include "base/random.h"
#include "bench/graph.h"
#include "bench/loader.h"
#include "codec/json_writer.h"
#include "features/feeds/engine.h"
#include "features/relationships/keys.h"
#include "features/relationships/records.pb.h"
#include "features/statuses/keys.h"
#include "net/http_parser.h"
#include "store/rocksdb/rocksdb_store.h"

extern "C" const char* malloc_conf;
const char* malloc_conf = stampede::kMallocConf;  // as of a large server

namespace stampede::bench {
namespace {

namespace fs = std::filesystem;
using relationships::List;

// A store in which everybody follows kFollows authors, chosen at random, who have each posted
// kPosts times: rows are made when they are asked for, so that millions of readers need no memory.
class MadeUpStore final : public store::Store {
 public:
  static constexpr uint64_t kFollows = 10;
  static constexpr uint64_t kFanOut = 700;
  static constexpr uint64_t kPosts = 2;
  static constexpr uint64_t kFirstAuthor = uint64_t{1} << 40;

  explicit MadeUpStore(uint64_t readers) : authors_(readers * kFollows / kFanOut) {}
  static AccountId Reader(uint64_t n) { return AccountId(n + 1); }
  AccountId Author(uint64_t n) const { return AccountId(kFirstAuthor + n % authors_); }

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
    return std::vector<std::optional<std::string>>(keys.size());
  }
  std::vector<std::vector<store::Row>> MultiScan(
      std::span<const store::ScanRequest> requests) override {
    std::vector<std::vector<store::Row>> answers(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      std::string_view begin = requests[i].range.begin;
      std::string_view table = store::TableOf(begin)->name();
      auto account = store::KeyReader(begin).Id<AccountId>();
      if (table == "following") answers[i] = Follows(account);
      if (table == "outbox_status") answers[i] = Outbox(account);
    }
    return answers;
  }
  bool Commit(const store::Batch&) override { return true; }

 private:
  std::vector<store::Row> Follows(AccountId reader) const {
    std::vector<store::Row> rows;
    SplitMix random(reader.value());
    for (uint64_t i = 0; i < kFollows; ++i) {
      relationships::FollowRow row;
      row.set_reblogs(true);
      row.set_account(Author(random()).value());
      rows.push_back({relationships::RowKey(List::kFollowing, reader, RelationId(kFollows - i)),
                      row.SerializeAsString()});
    }
    return rows;
  }

  static std::vector<store::Row> Outbox(AccountId author) {
    std::vector<store::Row> rows;
    if (author.value() < kFirstAuthor) return rows;
    uint64_t newest = (SplitMix::Mix(author.value()) >> 16) + kPosts;
    for (uint64_t i = 0; i < kPosts; ++i) {
      statuses::OutboxRow row;
      row.set_id(newest - i);
      row.set_author(author.value());
      rows.push_back({statuses::OutboxKey(author, StatusId(newest - i)), row.SerializeAsString()});
    }
    return rows;
  }

  uint64_t authors_;
};

// Nobody announces anything but the benchmark.
class SilentBus final : public events::Bus {
 public:
  void Publish(std::shared_ptr<const events::Event>) override {}
  void Subscribe(std::string, Subscriber*) override {}
  void Unsubscribe(Subscriber*) override {}
  bool WaitUntilHandled(Subscriber*, int64_t) override { return true; }
  void Stop() override {}
};

// A feed engine and what it stands on.
struct Rig {
  Rig(std::unique_ptr<store::Store> own, feeds::FeedOptions options)
      : store(std::move(own)),
        records(*store, 1024 * 1024),
        ids(clock, random),
        committer(*store, records, bus, ids, clock),
        relationships(committer),
        engine(*store, relationships, bus, clock, random, metrics, Unbounded(options)) {}
  static feeds::FeedOptions Unbounded(feeds::FeedOptions options) {
    options.bytes_max = SIZE_MAX / 2;
    return options;
  }

  std::unique_ptr<store::Store> store;
  SystemClock clock;
  SeededRandom random{1};
  SilentBus bus;
  store::Records records;
  IdGenerator ids;
  events::Committer committer;
  relationships::RelationshipsService relationships;
  obs::Metrics metrics;
  feeds::FeedEngine engine;
};

// Of each reader in BM_Deliver and BM_TouchLines: with 400, as in a server, five million readers need
// more memory than the machine has.
constexpr size_t kEntriesKept = 98;

// How many readers both are run with, and for how many posts.
void ForReaders(benchmark::internal::Benchmark* benchmark) {
  for (int64_t readers : {10'000, 100'000, 1'000'000, 5'000'000}) benchmark->Arg(readers);
  benchmark->Iterations(20'000);
}

// Deliveries of posts with about 700 watchers each, by random authors, into the feeds of so many
// readers, which are all full. Items are deliveries.
void BM_Deliver(benchmark::State& state) {
  constexpr uint64_t kFirstId = uint64_t{1} << 50;
  auto readers = static_cast<uint64_t>(state.range(0));
  Rig rig(std::make_unique<MadeUpStore>(readers), {.entries_max = kEntriesKept});
  auto& store = static_cast<MadeUpStore&>(*rig.store);
  for (uint64_t i = 0; i < readers; ++i) {
    // Not in the order of their memory.
    rig.engine.Candidates(MadeUpStore::Reader(i * 7'919 % readers), {}, 1, false);
  }
  SplitMix random(1);
  statuses::OutboxRow row;
  events::Event event{.kind = events::EventKind::kStatusCreated};
  uint64_t id = kFirstId;
  auto post = [&] {
    row.set_id(++id);
    row.set_author(store.Author(random()).value());
    row.SerializeToString(&event.payload);
    rig.engine.OnEvent(event);
    while (rig.engine.OnIdle()) {
    }
  };
  for (uint64_t i = 0; i < 2 * kEntriesKept * readers / MadeUpStore::kFanOut; ++i) post();
  uint64_t before = rig.engine.stats().deliveries;
  for (auto _ : state) post();
  auto deliveries = static_cast<double>(rig.engine.stats().deliveries - before);
  state.counters["per_delivery"] =
      benchmark::Counter(deliveries, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_reader"] =
      static_cast<double>(rig.engine.stats().bytes) / static_cast<double>(readers);
}
BENCHMARK(BM_Deliver)->Apply(ForReaders);

// What the memory takes for the same, without any feeds: for each post a word is written into the
// line of each of 700 readers out of so many, and every seventh time the line is written to one of
// the reader's other lines, asked for as early as the feeds do. Both times are per line of a reader.
void BM_TouchLines(benchmark::State& state) {
  constexpr size_t kAhead = 32, kNextAhead = 16, kOthers = kEntriesKept / 7;
  struct alignas(64) Line {
    uint64_t words[8];
  };
  auto readers = static_cast<uint64_t>(state.range(0));
  std::vector<Line> lines(readers), others(readers * kOthers);
  std::vector<uint32_t> slots(readers * MadeUpStore::kFollows);
  SplitMix random(1);
  for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % readers);
  for (Line& line : lines) line.words[0] = random() % 7;
  auto other = [&](uint32_t slot) -> Line& {
    return others[SplitMix::Mix(slot + lines[slot].words[0] * readers) % others.size()];
  };
  uint64_t touched = 0;
  for (auto _ : state) {
    uint64_t author = random() % (slots.size() / MadeUpStore::kFanOut);
    auto list = std::span(slots).subspan(author * MadeUpStore::kFanOut, MadeUpStore::kFanOut);
    for (size_t i = 0; i < list.size(); ++i) {
      if (i + kAhead < list.size()) __builtin_prefetch(&lines[list[i + kAhead]], 1);
      if (i + kNextAhead < list.size()) {
        uint32_t next = list[i + kNextAhead];
        if (lines[next].words[0] % 7 == 6) __builtin_prefetch(&other(next), 1);
      }
      Line& line = lines[list[i]];
      if (line.words[0] % 7 == 6) other(list[i]) = line;
      line.words[1 + line.words[0]++ % 7] = author;
    }
    touched += list.size();
  }
  state.counters["per_delivery"] = benchmark::Counter(
      static_cast<double>(touched), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_TouchLines)->Apply(ForReaders);

// The feed of a reader with so many follows, who all wrote twenty posts, from RocksDB.
void BM_Rebuild(benchmark::State& state) {
  std::string path = (fs::temp_directory_path() / "stampede-bench-XXXXXX").string();
  if (!mkdtemp(path.data())) return state.SkipWithError("no temporary directory");
  {
    auto store = store::OpenRocksDb({.path = path});
    Site site;
    site.base_url = "http://localhost";
    Loader loader(*store, site);
    SystemClock clock;
    int64_t now_ms = clock.NowMs();
    SplitMix random(1);
    AccountId reader = AccountId::Make(now_ms, Partition{7}, 0);
    for (int64_t i = 0; i < state.range(0); ++i) {
      auto partition = static_cast<Partition>(random() % kPartitionCount);
      AccountId author = AccountId::Make(now_ms - i, partition, 0);
      loader.AddFollow(reader, author, RelationId::Make(now_ms + i, reader.partition(), 0));
      for (int64_t post = 0; post < 20; ++post) {
        auto ms = now_ms - static_cast<int64_t>(random() % 1'000'000'000) - post;
        loader.AddPost(author, StatusId::Make(ms, partition, 0), "Words.", {});
      }
    }
    loader.Finish();
    store.reset();
    Rig rig(store::OpenRocksDb({.path = path}), {});
    for (auto _ : state) {
      rig.engine.DropAll();
      benchmark::DoNotOptimize(rig.engine.Candidates(reader, {}, 20, false));
    }
  }
  fs::remove_all(path);
}
BENCHMARK(BM_Rebuild)->Arg(100)->Arg(403)->Arg(1'000)->Unit(benchmark::kMicrosecond);

// One entry into a ring that is full and in the cache.
void BM_RingInsert(benchmark::State& state) {
  feeds::FeedRings rings;
  rings.Open(0);
  uint64_t id = 0;
  for (auto _ : state) {
    ++id;
    benchmark::DoNotOptimize(rings.Insert(0, {id, id}));
  }
}
BENCHMARK(BM_RingInsert);

// The head of a client's request for its home.
void BM_ParseHead(benchmark::State& state) {
  const std::string head =
      "GET /api/v1/timelines/home?limit=20 HTTP/1.1\r\nHost: social.example\r\n"
      "Authorization: Bearer 0123456789abcdef0123456789abcdef0123456789a\r\n"
      "User-Agent: bench\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\r\n";
  for (auto _ : state) {
    net::Request request;
    net::Framing framing;
    benchmark::DoNotOptimize(net::ParseHead(head, request, framing));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(head.size()));
}
BENCHMARK(BM_ParseHead);

// An object of the size of a Status, by the writer of all replies.
void BM_WriteJson(benchmark::State& state) {
  const std::string text(200, 'x');
  size_t bytes = 0;
  for (auto _ : state) {
    codec::JsonWriter json;
    json.Object();
    for (int i = 0; i < 8; ++i) {
      json.Field("content", text).Field("favourites_count", 12).Field("sensitive", false);
      json.Field("created_at", "2024-01-01T00:00:00.000Z");
    }
    json.EndObject();
    bytes = json.text().size();
    benchmark::DoNotOptimize(json.text());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(BM_WriteJson);

}  // namespace
}  // namespace stampede::bench

BENCHMARK_MAIN();
