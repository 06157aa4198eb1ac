#include "app/demo.h"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "app/demo_data.h"
#include "base/check.h"
#include "base/random.h"
#include "codec/identicon.h"
#include "events/committer.h"
#include "features/accounts/service.h"
#include "features/instance/keys.h"
#include "features/instance/records.pb.h"
#include "features/interactions/service.h"
#include "features/notifications/jobs.h"
#include "features/relationships/service.h"
#include "features/statuses/service.h"
#include "jobs/jobs.h"

namespace stampede::app {
namespace {

using relationships::Visibility;

constexpr uint64_t kSeed = 20'240'229;
constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;
// How long ago things happened: people came, then they found each other, then they wrote.
constexpr int64_t kFirstSignUpMs = 40 * kDayMs;
constexpr int64_t kLastSignUpMs = 16 * kDayMs;
constexpr int64_t kFirstFollowMs = 15 * kDayMs;
constexpr int64_t kLastFollowMs = 6 * kDayMs + 2 * kHourMs;
constexpr int64_t kFirstPostMs = 6 * kDayMs;
constexpr int64_t kLastThreadMs = 40 * kMinuteMs;
constexpr size_t kTrio = 3;  // alice, bob and charlie: who a visitor signs in as
constexpr size_t kTrioFollows = 30;

constexpr std::string_view kMarker = "demo_seeded";

// Commits without waiting for the disk: one durable commit at the end covers all.
class RelaxedStore final : public store::Store {
 public:
  explicit RelaxedStore(store::Store& store) : store_(store) {}
  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
    return store_.MultiGet(keys);
  }
  std::vector<std::vector<store::Row>> MultiScan(
      std::span<const store::ScanRequest> requests) override {
    return store_.MultiScan(requests);
  }
  bool Commit(const store::Batch& batch) override {
    store::Batch relaxed = batch;
    relaxed.Relax();
    return store_.Commit(relaxed);
  }

 private:
  store::Store& store_;
};

// The services on a clock that starts in the past.
struct World {
  World(store::Store& real_store, const Site& site, int64_t start_ms)
      : store(real_store),
        clock(start_ms),
        records(store, 16 * 1024 * 1024),
        bus(events::MakeInProcessBus()),
        ids(clock, random),
        committer(store, records, *bus, ids, clock),
        accounts(committer, random, site, codec::kCheapPasswordCost),
        relationships(committer),
        statuses(committer, site),
        interactions(committer),
        runner(committer, job_random, metrics, jobs::Sharing::kOneProcess) {
    notifications::AddJobs(runner, committer);
    runner.Start();
  }
  ~World() {
    runner.Stop();
    committer.Stop();
    bus->Stop();
  }

  RelaxedStore store;
  ManualClock clock;
  SeededRandom random{kSeed}, job_random{kSeed};
  store::Records records;
  std::unique_ptr<events::Bus> bus;
  IdGenerator ids;
  events::Committer committer;
  accounts::AccountsService accounts;
  relationships::RelationshipsService relationships;
  statuses::StatusesService statuses;
  interactions::InteractionsService interactions;
  obs::Metrics metrics;
  jobs::JobRunner runner;
};

// Plans everything that happens, then lets it happen in the order of time.
class Demo {
 public:
  Demo(store::Store& store, const Site& site, media::BlobStore& blobs, int64_t now_ms)
      : world_(store, site, now_ms - kFirstSignUpMs), blobs_(blobs), now_ms_(now_ms) {}

  bool NamesAreFree();
  void Run();

 private:
  size_t Count() const { return people_.size(); }
  int64_t Between(int64_t first_ms, int64_t last_ms);
  size_t IndexOf(std::string_view username) const;
  void At(int64_t at_ms, std::function<void()> act) { steps_.emplace(at_ms, std::move(act)); }
  void Play();

  void PlanSignUps();
  void SignUp(size_t who);
  void FillProfile(size_t who);
  void PlanFollows();
  void PlanFollow(size_t who, size_t whom);
  void PlanPosts();
  void PlanReactions(size_t post, int64_t posted_ms);
  void Post(size_t post, size_t parent);
  std::vector<size_t> Admirers(const DemoPost& post, size_t author, size_t count);

  World world_;
  media::BlobStore& blobs_;
  const int64_t now_ms_;
  const std::span<const DemoPerson> people_ = DemoPeople();
  const std::span<const DemoPost> posts_ = DemoPosts();
  SeededRandom dice_{kSeed};
  std::multimap<int64_t, std::function<void()>> steps_;  // by time, then as planned
  std::vector<AccountId> accounts_ = std::vector<AccountId>(people_.size());
  std::vector<StatusId> statuses_ = std::vector<StatusId>(posts_.size());
  std::vector<std::vector<bool>> follows_ =
      std::vector<std::vector<bool>>(people_.size(), std::vector<bool>(people_.size()));
};

int64_t Demo::Between(int64_t first_ms, int64_t last_ms) {
  if (first_ms >= last_ms) return first_ms;
  return first_ms + static_cast<int64_t>(dice_.Bits() % static_cast<uint64_t>(last_ms - first_ms));
}

size_t Demo::IndexOf(std::string_view username) const {
  auto same = [&](const DemoPerson& person) { return username == person.username; };
  auto found = std::ranges::find_if(people_, same);
  STAMPEDE_CHECK(found != people_.end());
  return static_cast<size_t>(found - people_.begin());
}

bool Demo::NamesAreFree() {
  return std::ranges::none_of(people_, [&](const DemoPerson& person) {
    return world_.accounts.FindByName(person.username).has_value();
  });
}

void Demo::Run() {
  PlanSignUps();
  PlanFollows();
  PlanPosts();
  Play();
}

void Demo::Play() {
  int64_t day = 0;
  constexpr int64_t kWaitMs = 10'000;  // what is not done by then, the server's own workers do
  for (const auto& [at_ms, act] : steps_) {
    // Notifications are told while time goes on, and are never more than a day late.
    if (at_ms / kDayMs != day) world_.runner.WaitUntilIdle(kWaitMs);
    day = at_ms / kDayMs;
    world_.clock.AdvanceMs(at_ms - world_.clock.NowMs());
    act();
  }
  world_.runner.WaitUntilIdle(kWaitMs);
}

// ---- people

void Demo::PlanSignUps() {
  int64_t at_ms = now_ms_ - kFirstSignUpMs;
  const int64_t gap_ms = (kFirstSignUpMs - kLastSignUpMs) / static_cast<int64_t>(Count());
  for (size_t who = 0; who < Count(); ++who, at_ms += gap_ms) {
    At(at_ms, [this, who] { SignUp(who); });
    // Later, when everybody whom a profile mentions is there.
    At(now_ms_ - kLastSignUpMs + static_cast<int64_t>(who), [this, who] { FillProfile(who); });
  }
}

void Demo::SignUp(size_t who) {
  accounts::NewUser user;
  user.username = user.password = people_[who].username;
  user.email = user.username + "@example.org";
  user.locale = people_[who].language;
  user.agreement = user.confirmed = user.approved = user.by_operator = true;
  accounts_[who] = world_.accounts.SignUp(user);
}

void Demo::FillProfile(size_t who) {
  constexpr int kAvatarPx = 200, kHeaderWidthPx = 600, kHeaderHeightPx = 200;
  const DemoPerson& person = people_[who];
  const uint64_t seed = kSeed + who;
  accounts::ProfilePatch patch;
  patch.display_name = person.display_name;
  patch.note = person.note;
  patch.language = person.language;
  patch.bot = person.bot;
  patch.locked = person.locked;
  patch.discoverable = patch.indexable = !person.locked;
  patch.fields.emplace();
  for (const DemoField& field : person.fields) {
    if (field.name) patch.fields->emplace_back(field.name, field.value);
  }
  patch.avatar = blobs_.Put(codec::AvatarPng(seed, kAvatarPx), "image/png");
  patch.avatar_description = "A symmetric pattern of squares";
  if (who < kTrio) {  // the default header does for the others: a stored picture costs three syncs
    patch.header = blobs_.Put(codec::HeaderPng(seed, kHeaderWidthPx, kHeaderHeightPx), "image/png");
  }
  world_.accounts.UpdateProfile(accounts_[who], patch);
  world_.accounts.NoteActivity(accounts_[who]);
}

// ---- follows

void Demo::PlanFollow(size_t who, size_t whom) {
  if (who == whom || follows_[who][whom]) return;
  int64_t at_ms = Between(now_ms_ - kFirstFollowMs, now_ms_ - kLastFollowMs);
  At(at_ms, [=, this] { world_.relationships.Follow(accounts_[who], accounts_[whom], {}); });
  // A locked account lets everybody in but alice, whose request is still waiting.
  bool waits = people_[whom].locked && who == 0;
  follows_[who][whom] = !waits;
  if (people_[whom].locked && !waits) {
    At(at_ms + kHourMs,
       [=, this] { world_.relationships.AuthorizeRequest(accounts_[whom], accounts_[who]); });
  }
}

void Demo::PlanFollows() {
  const size_t locked = IndexOf("quietpines"), keen_on = IndexOf("mira");
  for (size_t who = 0; who < Count(); ++who) {
    // The trio know each other and are known; whoever came early has more followers.
    for (size_t whom = 0; whom < kTrio; ++whom) {
      if (who < kTrio || dice_.Below(100) < 85) PlanFollow(who, whom);
    }
    if (people_[who].bot) continue;
    PlanFollow(who, (who + 1) % Count());  // so that everybody is followed by somebody
    size_t wanted = who < kTrio ? kTrioFollows : 8 + dice_.Below(14);
    while (static_cast<size_t>(std::ranges::count(follows_[who], true)) < wanted) {
      size_t one = dice_.Below(static_cast<uint32_t>(Count()));
      size_t other = dice_.Below(static_cast<uint32_t>(Count()));
      if (std::min(one, other) != locked || who >= kTrio) PlanFollow(who, std::min(one, other));
    }
  }
  PlanFollow(0, locked);
  PlanFollow(0, keen_on);
  // alice wants to be told of every post about the bees.
  At(now_ms_ - kLastFollowMs, [=, this] {
    world_.relationships.Follow(accounts_[0], accounts_[keen_on], {.notify = true});
  });
}

// ---- posts

void Demo::PlanPosts() {
  const auto threads = static_cast<int64_t>(
      std::ranges::count_if(posts_, [](const DemoPost& post) { return post.depth == 0; }));
  const int64_t gap_ms = (kFirstPostMs - kLastThreadMs) / std::max<int64_t>(threads - 1, 1);
  std::vector<std::pair<size_t, int64_t>> above;  // the post at each depth, and its time
  int64_t thread = 0;
  for (size_t post = 0; post < posts_.size(); ++post) {
    const auto depth = static_cast<size_t>(posts_[post].depth);
    STAMPEDE_CHECK(depth <= above.size());
    above.resize(depth);
    int64_t at_ms = now_ms_ - kFirstPostMs + thread * gap_ms;
    size_t parent = post;
    if (depth == 0) {
      ++thread;
      at_ms += Between(-gap_ms / 4, gap_ms / 4);
    } else {
      parent = above.back().first;
      int64_t asked_ms = above.back().second;
      at_ms = asked_ms + Between(kMinuteMs, std::min(35 * kMinuteMs, (now_ms_ - asked_ms) / 2));
    }
    above.emplace_back(post, at_ms);
    At(at_ms, [=, this] { Post(post, parent); });
    PlanReactions(post, at_ms);
  }
}

void Demo::Post(size_t post, size_t parent) {
  const DemoPost& what = posts_[post];
  const size_t author = IndexOf(what.author);
  statuses::NewStatus status;
  status.author = accounts_[author];
  status.text = what.text;
  status.spoiler_text = what.how.spoiler;
  status.visibility = what.how.visibility;
  status.language = what.how.language ? what.how.language : people_[author].language;
  if (parent != post) status.in_reply_to = statuses_[parent];
  statuses_[post] = world_.statuses.Post(status);
  world_.accounts.NoteActivity(status.author);
}

// Who likes a post: distinct people who may see it.
std::vector<size_t> Demo::Admirers(const DemoPost& post, size_t author, size_t count) {
  std::vector<size_t> admirers;
  for (size_t tries = 0; tries < 4 * count && admirers.size() < count; ++tries) {
    size_t who = dice_.Below(static_cast<uint32_t>(Count()));
    bool sees = post.how.visibility != Visibility::kPrivate || follows_[who][author];
    bool human = !people_[who].bot && who != author;
    if (sees && human && std::ranges::find(admirers, who) == admirers.end()) {
      admirers.push_back(who);
    }
  }
  return admirers;
}

void Demo::PlanReactions(size_t post, int64_t posted_ms) {
  static constexpr struct {
    uint32_t favourites_min, favourites_spread, boosts_max;
  } kByLove[] = {{0, 1, 0}, {0, 4, 0}, {2, 6, 2}, {5, 8, 4}, {9, 13, 6}};
  const DemoPost& what = posts_[post];
  if (what.how.visibility == Visibility::kDirect) return;
  const size_t author = IndexOf(what.author);
  const auto& love = kByLove[what.how.loved];
  // Most come soon, some much later.
  auto later = [&] {
    int64_t late_ms = std::min(14 * kHourMs, now_ms_ - kMinuteMs - posted_ms);
    return posted_ms + 1 + Between(0, 1 + Between(0, late_ms));
  };
  uint32_t favourites = love.favourites_min + dice_.Below(love.favourites_spread);
  for (size_t who : Admirers(what, author, favourites)) {
    At(later(), [=, this] { world_.interactions.Favourite(accounts_[who], statuses_[post]); });
  }
  if (what.how.visibility != Visibility::kPublic || love.boosts_max == 0) return;
  for (size_t who : Admirers(what, author, dice_.Below(love.boosts_max + 1))) {
    At(later(),
       [=, this] { world_.interactions.Reblog(accounts_[who], statuses_[post], std::nullopt); });
  }
}

}  // namespace

bool SeedDemo(store::Store& store, const Site& site, media::BlobStore& blobs, Clock& clock) {
  const std::string marker = instance::SettingKey(kMarker);
  if (store.Get(marker)) return false;
  {
    Demo demo(store, site, blobs, clock.NowMs());
    if (!demo.NamesAreFree()) return false;
    demo.Run();
  }
  instance::SettingRecord setting;
  setting.set_value("1");
  store::Batch batch;
  batch.Put(marker, setting.SerializeAsString());
  return store.Commit(batch);
}

}  // namespace stampede::app
