#include <gtest/gtest.h>

#include <functional>

#include "features/feeds/routes.h"
#include "features/interactions/routes.h"
#include "features/oauth/service.h"
#include "features/relationships/routes.h"
#include "features/statuses/routes.h"
#include "features/testing/api.h"
#include "features/testing/home.h"
#include "features/testing/stage.h"

namespace stampede::app {
namespace {

// What a request costs when the store is at the other end of a network: every call of the store is
// one round trip on PostgreSQL (its own test says so), so here they are counted on the store in
// RAM. The names say how many there are with nothing in the record cache, and then with everything.
// The token of a request is left out: it is cached.
class RoundTrips : public ::testing::Test {
 protected:
  RoundTrips() {
    stage.store.set_remote(true);
    stage.store.set_read_hook([this](auto keys) {
      ++trips;
      reads += keys.size();
    });
    stage.store.set_scan_hook([this](auto requests) {
      ++trips;
      reads += requests.size();
    });
    stage.store.set_commit_hook([this](const store::Batch&) { ++trips; });
    statuses::AddRoutes(api.table, {stage.statuses, stage.views, stage.interactions, oauth,
                                    stage.records, stage.site});
    interactions::AddRoutes(api.table,
                            {stage.interactions, stage.views, stage.records, stage.site});
    relationships::AddRoutes(api.table, stage.relationships, stage.records, stage.site,
                             stage.clock);
    feeds::AddRoutes(api.table, home.timeline, stage.views, stage.site);
    // Somebody to read, each in a partition of their own.
    for (int i = 0; i < 40; ++i) {
      authors.push_back(stage.Add("author" + std::to_string(i)));
      stage.relationships.Follow(stage.bob, authors.back(), {});
    }
    for (int round = 0; round < 3; ++round) {
      for (AccountId author : authors) posts.push_back(stage.Post(author, "Good morning"));
    }
  }
  ~RoundTrips() override { stage.bus->Stop(); }

  struct Cost {
    int cold, warm;                 // with nothing in the record cache; and again
    size_t cold_reads, warm_reads;  // keys and ranges
  };
  // `call` once on an empty cache, and once more.
  Cost CostOf(const std::function<testing::Api::Answer()>& call) {
    auto once = [&] {
      trips = 0;
      reads = 0;
      testing::Api::Answer answer = call();
      EXPECT_EQ(answer.status, 200) << answer.body;
      return trips.load();
    };
    stage.records.Clear();
    Cost cost;
    cost.cold = once();
    cost.cold_reads = reads;
    cost.warm = once();
    cost.warm_reads = reads;
    return cost;
  }
  std::string Path(StatusId id, const std::string& what) {
    return "/api/v1/statuses/" + id.ToString() + what;
  }

  testing::Stage stage;
  testing::Api api{stage};
  oauth::OAuthService oauth{stage.committer, stage.random};
  testing::Home home{stage};
  std::vector<AccountId> authors;
  std::vector<StatusId> posts;
  std::atomic<int> trips = 0;
  std::atomic<size_t> reads = 0;
};

TEST_F(RoundTrips, PostingTakes5AndThen2) {
  Cost cost = CostOf([&] { return api.Post(stage.alice, "/api/v1/statuses", "status=Hello"); });
  EXPECT_LE(cost.cold, 5);
  EXPECT_LE(cost.warm, 2);
}

TEST_F(RoundTrips, ReplyingTakes8AndThen3) {
  Cost cost = CostOf([&] {
    return api.Post(stage.bob, "/api/v1/statuses",
                    "status=@author3 Yes&in_reply_to_id=" + posts[3].ToString());
  });
  EXPECT_LE(cost.cold, 8);
  EXPECT_LE(cost.warm, 3);
}

TEST_F(RoundTrips, FavouritingTakes5) {
  size_t next = 0;
  Cost cost = CostOf([&] { return api.Post(stage.bob, Path(posts[next++], "/favourite")); });
  EXPECT_LE(cost.cold, 5);
  EXPECT_LE(cost.warm, 5);
}

TEST_F(RoundTrips, BoostingTakes6AndThen4) {
  size_t next = 0;
  Cost cost = CostOf([&] { return api.Post(stage.bob, Path(posts[next++], "/reblog")); });
  EXPECT_LE(cost.cold, 6);
  EXPECT_LE(cost.warm, 4);
}

TEST_F(RoundTrips, FollowingTakes4) {
  size_t next = 0;
  Cost cost = CostOf([&] {
    return api.Post(stage.charlie, "/api/v1/accounts/" + authors[next++].ToString() + "/follow");
  });
  EXPECT_LE(cost.cold, 4);
  EXPECT_LE(cost.warm, 4);
}

TEST_F(RoundTrips, AHomePageOf20Takes4ToRebuild2ToHydrateAndNoneWhenKnown) {
  auto page = [&] { return api.Get(stage.bob, "/api/v1/timelines/home?limit=20"); };
  Cost rebuilt = CostOf(page);
  EXPECT_LE(rebuilt.cold, 4);
  Cost resident = CostOf(page);
  EXPECT_LE(resident.cold, 2);
  EXPECT_LE(resident.warm, 0);
}

// A page newer than all that its viewer marked takes no reading of marks. In the same process a scan
// is cheaper than twenty look-ups.
TEST_F(RoundTrips, AHomePageOf20AuthorsReads248KeysAndWithMarksAmongThem20MoreOrOneRange) {
  auto page = [&] { return api.Get(stage.bob, "/api/v1/timelines/home?limit=20"); };
  CostOf(page);
  // 20 statuses with three counters each, 20 accounts and the viewer with seven counters each, and
  // the viewer's newest mark.
  constexpr size_t kKeys = 20 * (1 + 3) + 20 * (1 + 7) + 7 + 1;
  for (bool remote : {true, false}) {
    stage.store.set_remote(remote);
    Cost unmarked = CostOf(page);
    EXPECT_LE(unmarked.cold_reads, kKeys);
    EXPECT_EQ(unmarked.warm_reads, 0u);
  }
  stage.interactions.Favourite(stage.bob, posts.back());
  Cost local = CostOf(page);
  EXPECT_LE(local.cold, 3);
  EXPECT_LE(local.cold_reads, kKeys + 1);
  EXPECT_EQ(local.warm_reads, 1u);
  stage.store.set_remote(true);
  Cost remote = CostOf(page);
  EXPECT_LE(remote.cold, 2);
  EXPECT_LE(remote.cold_reads, kKeys + 20);
  EXPECT_EQ(remote.warm_reads, 0u);
}

TEST_F(RoundTrips, AThreadOf30InSixLevelsTakes11AndThen6) {
  StatusId parent = stage.Post(stage.alice, "root");
  StatusId middle = parent;
  for (int i = 0; i < 30; ++i) {
    bool nested = i < 5;
    StatusId reply = stage.Post(authors[static_cast<size_t>(i)], "reply",
                                relationships::Visibility::kPublic, nested ? middle : parent);
    if (nested) middle = reply;
  }
  Cost cost = CostOf([&] { return api.Get(stage.bob, Path(parent, "/context")); });
  EXPECT_LE(cost.cold, 11);
  EXPECT_LE(cost.warm, 6);
}

}  // namespace
}  // namespace stampede::app
