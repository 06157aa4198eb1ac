#include "app/demo.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "app/demo_data.h"
#include "codec/text.h"
#include "features/accounts/view.h"
#include "features/notifications/service.h"
#include "features/relationships/service.h"
#include "features/statuses/service.h"
#include "features/statuses/view.h"
#include "features/testing/cast.h"

namespace stampede::app {
namespace {

class NoBlobs final : public media::BlobStore {
 public:
  std::string Put(std::string_view, std::string_view) override {
    return "picture-" + std::to_string(++count) + ".png";
  }
  std::optional<media::Blob> Get(std::string_view) override { return std::nullopt; }
  void Delete(std::string_view) override {}
  int count = 0;
};

// One seeded store for all tests, and the services of a server that starts on it.
struct Seeded {
  Seeded() : seeded(SeedDemo(store, site, blobs, clock)) {}
  ~Seeded() { bus->Stop(); }

  ManualClock clock;
  SeededRandom random{7};
  store::MemoryStore store;
  Site site = testing::Cast::MakeSite();
  NoBlobs blobs;
  const bool seeded;
  store::Records records{store, 16 * 1024 * 1024};
  std::unique_ptr<events::Bus> bus = events::MakeInProcessBus();
  IdGenerator ids{clock, random};
  events::Committer committer{store, records, *bus, ids, clock};
  accounts::AccountsService accounts{committer, random, site, codec::kCheapPasswordCost};
  relationships::RelationshipsService relationships{committer};
  statuses::StatusesService statuses{committer, site};
  statuses::StatusViews views{records, site, clock};

  AccountId Find(std::string_view name) { return accounts.FindByName(name).value(); }
};

class DemoData : public ::testing::Test {
 protected:
  static Seeded& World() {
    static Seeded world;
    return world;
  }
};

TEST_F(DemoData, TheTrioSignsInWithItsNamesAsPasswords) {
  ASSERT_TRUE(World().seeded);
  for (std::string_view name : {"alice", "bob", "charlie"}) {
    EXPECT_EQ(World().accounts.VerifyPassword(name, name), World().Find(name));
    std::string email = std::string(name) + "@example.org";
    EXPECT_EQ(World().accounts.VerifyPassword(email, name), World().Find(name));
    EXPECT_EQ(World().accounts.StandingOf(World().Find(name)), accounts::Standing::kActive);
    EXPECT_GE(World().relationships.AllFollowed(World().Find(name)).size(), 25u);
  }
}

TEST_F(DemoData, IsSeededOnce) {
  ASSERT_TRUE(World().seeded);
  EXPECT_FALSE(SeedDemo(World().store, World().site, World().blobs, World().clock));
}

TEST_F(DemoData, AStoreWithOneOfItsNamesIsLeftAlone) {
  testing::Cast cast;
  NoBlobs blobs;
  EXPECT_FALSE(SeedDemo(cast.store, cast.site, blobs, cast.clock));
  EXPECT_EQ(blobs.count, 0);
}

TEST_F(DemoData, EverybodyHasAFaceAndHasSomethingToSay) {
  std::vector<AccountId> ids;
  for (const DemoPerson& person : DemoPeople()) ids.push_back(World().Find(person.username));
  for (const auto& data : accounts::LoadAccounts(World().records, ids)) {
    EXPECT_FALSE(data.account->avatar().empty()) << data.account->username();
    EXPECT_FALSE(data.account->note_html().empty()) << data.account->username();
    EXPECT_GT(data.statuses, 0) << data.account->username();
    EXPECT_GT(data.followers, 0) << data.account->username();
  }
}

TEST_F(DemoData, PostsAreOfTheLastDaysInOrderAndNoneIsFromTheFuture) {
  auto ids = World().statuses.PublicIds({}, 400, false);
  EXPECT_GT(ids.size(), 60u);
  EXPECT_TRUE(std::ranges::is_sorted(ids, std::greater()));
  EXPECT_LT(ids.front().time_ms(), World().clock.NowMs());
  EXPECT_GT(ids.back().time_ms(), World().clock.NowMs() - 7 * 24 * 3'600'000LL);
}

TEST_F(DemoData, ALockedAccountStillHasARequestOfAlice) {
  auto ties = World().relationships.GetTies(World().Find("alice"), World().Find("quietpines"));
  EXPECT_TRUE(ties.requested());
  EXPECT_FALSE(ties.following());
}

TEST_F(DemoData, AliceFindsNotificationsOfManyKinds) {
  notifications::NotificationsService service(World().committer);
  uint64_t lower = 0, upper = UINT64_MAX;
  std::set<int> kinds;
  for (const auto& one : service.Next(World().Find("alice"), {}, lower, upper, false, 400)) {
    kinds.insert(one.type());
    EXPECT_LE(one.created_ms(), World().clock.NowMs());
  }
  EXPECT_GE(kinds.size(), 5u);
}

TEST_F(DemoData, TheTextsFitAndTheirAuthorsAndMentionsExist) {
  std::set<std::string> names;
  for (const DemoPerson& person : DemoPeople()) {
    EXPECT_TRUE(names.insert(person.username).second) << person.username;
  }
  for (const DemoPost& post : DemoPosts()) {
    EXPECT_TRUE(names.contains(post.author)) << post.author;
    EXPECT_LE(codec::StatusLength(post.how.spoiler, post.text), 500u);
    for (const codec::Entity& entity : codec::FindEntities(post.text)) {
      if (entity.kind != codec::Entity::kMention) continue;
      EXPECT_TRUE(names.contains(entity.text)) << entity.text;
    }
  }
}

}  // namespace
}  // namespace stampede::app
