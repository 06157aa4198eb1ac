#include "features/statuses/view.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "codec/iso_time.h"
#include "features/accounts/view.h"
#include "features/statuses/keys.h"
#include "features/testing/stage.h"

namespace stampede::statuses {
namespace {

// What the viewer did is scanned or read one by one, depending on the store and on how much there is.
class StatusViewsTest : public ::testing::TestWithParam<bool> {
 protected:
  StatusViewsTest() { stage.store.set_remote(GetParam()); }

  std::vector<StatusId> PostMany(int count) {
    std::vector<StatusId> ids;
    for (int i = 0; i < count; ++i) ids.push_back(stage.Post(stage.alice, "hello"));
    return ids;
  }
  std::set<StatusId> Favourited(const std::vector<StatusId>& ids) {
    std::set<StatusId> favourited;
    for (const StatusData& data : stage.views.Load(stage.bob, ids, LoadFor::kHome)) {
      const StatusData& shown = data.reblog ? *data.reblog : data;
      if (shown.mine && shown.mine->favourite_id()) favourited.insert(shown.id());
    }
    return favourited;
  }

  // Ranges scanned and marks looked up for the page.
  std::pair<size_t, size_t> SearchedFor(const std::vector<StatusId>& ids) {
    std::set<std::string> mark_keys;
    for (StatusId id : ids) mark_keys.insert(MyStatusKey(stage.bob, id));
    size_t scanned = 0, looked_up = 0;
    stage.store.set_scan_hook([&](auto requests) { scanned += requests.size(); });
    stage.store.set_read_hook([&](auto keys) {
      for (const std::string& key : keys) looked_up += mark_keys.count(key);
    });
    stage.records.Clear();
    Favourited(ids);
    stage.store.set_scan_hook({});
    stage.store.set_read_hook({});
    return {scanned, looked_up};
  }

  testing::Stage stage;
};

TEST_P(StatusViewsTest, APageShowsWhatItsViewerDid) {
  auto ids = PostMany(10);
  EXPECT_TRUE(Favourited(ids).empty());
  for (size_t i : {0, 4, 9}) stage.interactions.Favourite(stage.bob, ids[i]);
  stage.interactions.Favourite(stage.charlie, ids[5]);
  EXPECT_EQ(Favourited(ids), (std::set{ids[0], ids[4], ids[9]}));
  stage.interactions.Unfavourite(stage.bob, ids[4]);
  EXPECT_EQ(Favourited(ids), (std::set{ids[0], ids[9]}));
}

TEST_P(StatusViewsTest, MarksAreOnlySearchedForAmongStatusesThatAreNotNewerThanAllOfThem) {
  auto ids = PostMany(20);
  const std::pair<size_t, size_t> nowhere, among_8{!GetParam(), GetParam() ? 8 : 0};
  EXPECT_EQ(SearchedFor(ids), nowhere) << "bob never marked anything";
  StatusId boost = stage.interactions.Reblog(stage.charlie, ids[0], {});
  EXPECT_EQ(SearchedFor({ids[0], boost}), nowhere);
  stage.interactions.Favourite(stage.bob, ids[7]);
  EXPECT_EQ(SearchedFor({ids.begin() + 8, ids.end()}), nowhere);
  EXPECT_EQ(SearchedFor(ids), among_8);
  stage.interactions.Favourite(stage.bob, ids[2]);
  stage.interactions.Unfavourite(stage.bob, ids[7]);
  EXPECT_EQ(SearchedFor(ids), among_8) << "what is undone leaves the bound";
  EXPECT_EQ(Favourited(ids), std::set{ids[2]});
}

TEST_P(StatusViewsTest, ABoostShowsWhatTheViewerDidWithTheOriginal) {
  auto ids = PostMany(10);
  stage.interactions.Favourite(stage.bob, ids[0]);
  std::vector<StatusId> boosts;
  for (StatusId id : ids) boosts.push_back(stage.interactions.Reblog(stage.charlie, id, {}));
  EXPECT_EQ(Favourited(boosts), (std::set{ids[0]}));
}

TEST_P(StatusViewsTest, APageOfAViewerWhoDidMuchShowsAllOfIt) {
  auto ids = PostMany(150);
  for (StatusId id : ids) stage.interactions.Favourite(stage.bob, id);
  EXPECT_EQ(Favourited(ids).size(), ids.size());
  EXPECT_EQ(Favourited({ids.begin(), ids.begin() + 20}).size(), 20u);
}

TEST_P(StatusViewsTest, TheDayOfAnAuthorsNewestPostIsShown) {
  constexpr int64_t kDayMs = 24LL * 3600 * 1000;
  auto shown = [&] {
    return codec::IsoDate(
        accounts::LoadAccounts(stage.records, {&stage.alice, 1})[0].last_status_ms);
  };
  auto today = [&] { return codec::IsoDate(stage.clock.NowMs()); };
  auto ids = PostMany(2);
  EXPECT_EQ(shown(), today());
  stage.clock.AdvanceMs(kDayMs);
  EXPECT_NE(shown(), today());
  PostMany(2);
  EXPECT_EQ(shown(), today());
  stage.clock.AdvanceMs(kDayMs);
  stage.interactions.Reblog(stage.alice, ids[0], {});
  EXPECT_EQ(shown(), today());
  stage.records.Clear();
  EXPECT_EQ(shown(), today());
}

TEST_P(StatusViewsTest, WhatABlockHidesIsShownAgainAfterIt) {
  auto ids = PostMany(6);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kList).size(), 6u);
  stage.relationships.Block(stage.alice, stage.bob);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kItself).size(), 0u) << "blocked by alice";
  EXPECT_EQ(stage.views.Load(stage.alice, ids, LoadFor::kList).size(), 6u);
  stage.relationships.Unblock(stage.alice, stage.bob);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kList).size(), 6u);
  stage.relationships.Mute(stage.bob, stage.alice, true, 0);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kList).size(), 0u);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kItself).size(), 6u);
  stage.relationships.Unmute(stage.bob, stage.alice);
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kList).size(), 6u);
}

TEST_P(StatusViewsTest, PrivatePostsAndBoostsOfThemAreForFollowers) {
  std::vector<StatusId> ids = {
      stage.Post(stage.alice, "for followers", relationships::Visibility::kPrivate)};
  ids.push_back(stage.interactions.Reblog(stage.alice, ids[0], {}));
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kHome).size(), 0u);
  stage.relationships.Follow(stage.bob, stage.alice, {});
  EXPECT_EQ(stage.views.Load(stage.bob, ids, LoadFor::kHome).size(), 2u);
  EXPECT_EQ(stage.views.Load({}, ids, LoadFor::kItself).size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Stores, StatusViewsTest, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "Remote" : "Local"; });

}  // namespace
}  // namespace stampede::statuses
