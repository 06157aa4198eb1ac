#include "bench/world.h"

#include <algorithm>

#include "base/check.h"
#include "bench/loader.h"
#include "codec/crypto.h"
#include "net/scopes.h"

namespace stampede::bench {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
constexpr int64_t kPostsMs = 30 * kDayMs;
constexpr int64_t kAccountsMs = kPostsMs + kDayMs;  // how long ago the first signed up

// Ids of a loaded world, one after the other: each kind of thing goes through its milliseconds.
class Ticks {
 public:
  explicit Ticks(int64_t first_ms) : first_ms_(first_ms) {}
  template <class Id>
  Id Next(Partition partition) {
    uint64_t n = next_++;
    return Id::Make(first_ms_ + static_cast<int64_t>(n >> kSequenceBits), partition,
                    static_cast<unsigned>(n));
  }

 private:
  int64_t first_ms_;
  uint64_t next_ = 0;
};

Member AddMember(Loader& loader, Random& random, const LoadedApp& app, Ticks& accounts,
                 Ticks& tokens, const std::string& name) {
  auto partition = static_cast<Partition>(random.Below(kPartitionCount));
  Member member{accounts.Next<AccountId>(partition), random.Token()};
  loader.AddMember({.account = member.account, .username = name, .email = name + "@example.org"});
  loader.AddToken(tokens.Next<TokenId>(partition), member.token, app, member.account);
  return member;
}

LoadedApp AddApp(Loader& loader, Random& random, int64_t now_ms) {
  LoadedApp app{.id = AppId::Make(now_ms, Partition{1}, 0),
                .name = "Bench",
                .client_id = random.Token(),
                .client_secret_hash = codec::Sha256(random.Token()),
                .redirect_uri = "urn:ietf:wg:oauth:2.0:oob",
                .scopes = net::ScopeSet::Parse("read write follow")->bits()};
  loader.AddApp(app);
  return app;
}

}  // namespace

Prose::Prose(Random& random) : random_(random) {
  constexpr std::string_view kSyllables[] = {"ka",  "lo",  "mi", "ter", "san", "no",  "ve", "ru",
                                             "pil", "est", "da", "or",  "chi", "wen", "fa", "ul"};
  for (int i = 0; i < 4'096; ++i) {
    std::string& word = words_.emplace_back();
    for (uint32_t n = 1 + random.Below(4); n > 0; --n) word += kSyllables[random.Below(16)];
  }
}

std::string Prose::Next() {
  size_t length = 40 + random_.Below(220);
  std::string text;
  while (text.size() < length) {
    if (!text.empty()) text += random_.Below(12) == 0 ? ". " : " ";
    text += words_[random_.Below(static_cast<uint32_t>(words_.size()))];
  }
  if (random_.Below(10) == 0) text += " #" + words_[random_.Below(64)];
  return text;
}

void World::ChooseDistances(Random& random) {
  STAMPEDE_CHECK(options_.fan_out < options_.members);
  is_distance_.resize(options_.members);
  while (distances_.size() < options_.fan_out) {
    size_t distance = 1 + random.Below(static_cast<uint32_t>(options_.members - 1));
    if (is_distance_[distance]) continue;
    is_distance_[distance] = true;
    distances_.push_back(distance);
  }
}

bool World::Follows(size_t reader, size_t author) const {
  return is_distance_[(author + members_.size() - reader) % members_.size()];
}

World World::Load(store::Store& store, const Site& site, Clock& clock,
                  const WorldOptions& options) {
  SeededRandom random(options.seed);
  World world(options);
  world.ChooseDistances(random);
  Loader loader(store, site);
  int64_t now_ms = clock.NowMs();
  Ticks accounts(now_ms - kAccountsMs), follows(now_ms - kPostsMs), tokens(now_ms - kDayMs / 2);
  LoadedApp app = AddApp(loader, random, now_ms - kAccountsMs);
  for (size_t i = 0; i < options.members + options.lonely; ++i) {
    bool is_lonely = i >= options.members;
    std::string name = (is_lonely ? "lonely" : "member") + std::to_string(i);
    (is_lonely ? world.lonely_ : world.members_)
        .push_back(AddMember(loader, random, app, accounts, tokens, name));
  }
  const auto& members = world.members_;
  for (size_t reader = 0; reader < members.size(); ++reader) {
    AccountId source = members[reader].account;
    for (size_t distance : world.distances_) {
      loader.AddFollow(source, members[(reader + distance) % members.size()].account,
                       follows.Next<RelationId>(source.partition()));
    }
  }
  Prose prose(random);
  STAMPEDE_CHECK(options.posts < static_cast<size_t>(kPostsMs));
  for (size_t i = 0; i < options.posts; ++i) {
    AccountId author = members[i % members.size()].account;
    int64_t ms = now_ms - kPostsMs + static_cast<int64_t>(i) * kPostsMs / int64_t(options.posts);
    loader.AddPost(author, StatusId::Make(ms, author.partition(), 0), prose.Next(), app);
  }
  loader.Finish();
  return world;
}

}  // namespace stampede::bench
