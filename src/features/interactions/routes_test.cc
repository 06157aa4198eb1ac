#include "features/interactions/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/feeds/routes.h"
#include "features/oauth/service.h"
#include "features/statuses/routes.h"
#include "features/testing/api.h"
#include "features/testing/home.h"
#include "features/testing/stage.h"

namespace stampede::interactions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// What bob did with alice's posts, as he sees it everywhere.
class InteractionRoutesTest : public ::testing::TestWithParam<bool> {
 protected:
  InteractionRoutesTest() {
    stage.store.set_remote(GetParam());
    statuses::AddRoutes(api.table, {stage.statuses, stage.views, stage.interactions, oauth,
                                    stage.records, stage.site});
    AddRoutes(api.table, {stage.interactions, stage.views, stage.records, stage.site});
    feeds::AddRoutes(api.table, home.timeline, stage.views, stage.site);
    stage.relationships.Follow(bob, stage.alice, {});
    root = stage.Post(stage.alice, "root");
    for (StatusId& reply : replies) {
      reply = stage.Post(stage.alice, "more", relationships::Visibility::kPublic, root);
    }
  }
  ~InteractionRoutesTest() override { stage.bus->Stop(); }

  static std::string Path(StatusId id, std::string_view what = "") {
    return "/api/v1/statuses/" + id.ToString() + std::string(what);
  }
  // What the answer to the action says of `key`.
  bool Do(StatusId id, std::string_view action, std::string_view key = "favourited") {
    auto answer = api.Post(bob, Path(id, action));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.Json().at(key).as_bool();
  }
  // Of which posts `key` is true, which home, the thread and each post by itself agree about.
  std::vector<StatusId> Shown(std::string_view key = "favourited") {
    std::vector<StatusId> at_home, in_thread, alone;
    auto add = [&](std::vector<StatusId>& ids, const boost::json::value& status) {
      if (status.at(key).as_bool()) {
        ids.push_back(*StatusId::Parse(std::string_view(status.at("id").as_string())));
      }
    };
    auto page = api.Get(bob, "/api/v1/timelines/home");
    for (const auto& status : page.Json().as_array()) add(at_home, status);
    add(in_thread, api.Get(bob, Path(root)).Json());
    auto thread = api.Get(bob, Path(root, "/context"));
    for (const auto& status : thread.Json().at("descendants").as_array()) add(in_thread, status);
    add(alone, api.Get(bob, Path(root)).Json());
    for (StatusId reply : replies) add(alone, api.Get(bob, Path(reply)).Json());
    EXPECT_THAT(at_home, ::testing::UnorderedElementsAreArray(alone));
    EXPECT_THAT(in_thread, ::testing::UnorderedElementsAreArray(alone));
    return alone;
  }

  testing::Stage stage;
  testing::Api api{stage};
  oauth::OAuthService oauth{stage.committer, stage.random};
  testing::Home home{stage};
  AccountId bob = stage.bob;
  StatusId root;
  std::array<StatusId, 8> replies;
};

TEST_P(InteractionRoutesTest, AFavouriteIsShownEverywhereUntilItIsUndone) {
  EXPECT_THAT(Shown(), IsEmpty());
  EXPECT_TRUE(Do(replies[2], "/favourite"));
  EXPECT_THAT(Shown(), ElementsAre(replies[2]));
  EXPECT_FALSE(Do(replies[2], "/unfavourite"));
  EXPECT_THAT(Shown(), IsEmpty());
}

TEST_P(InteractionRoutesTest, FavouritesAreShownWhicheverPostWasFirst) {
  Do(replies[3], "/favourite");
  Do(root, "/favourite");
  Do(replies[7], "/favourite");
  EXPECT_THAT(Shown(), UnorderedElementsAre(root, replies[3], replies[7]));
  Do(replies[7], "/unfavourite");
  EXPECT_THAT(Shown(), UnorderedElementsAre(root, replies[3]));
  Do(replies[6], "/favourite");
  stage.records.Clear();
  EXPECT_THAT(Shown(), UnorderedElementsAre(root, replies[3], replies[6]));
}

TEST_P(InteractionRoutesTest, ABoostIsShownEverywhereUntilItIsUndone) {
  auto boost = api.Post(bob, Path(replies[5], "/reblog"));
  EXPECT_TRUE(boost.Json().at("reblogged").as_bool()) << boost.body;
  EXPECT_TRUE(boost.Json().at("reblog").at("reblogged").as_bool()) << boost.body;
  EXPECT_TRUE(api.Get(bob, Path(replies[5])).Json().at("reblogged").as_bool());
  EXPECT_FALSE(Do(replies[5], "/unreblog", "reblogged"));
  EXPECT_THAT(Shown("reblogged"), IsEmpty());
}

// Each is decided when the other is not there yet, as on two servers of a cluster.
TEST_P(InteractionRoutesTest, OfTwoFavouritesAtOnceBothAreShown) {
  store::Records records(stage.store, 1024 * 1024);
  events::Committer committer(stage.store, records, *stage.bus, stage.ids, stage.clock);
  InteractionsService elsewhere(committer);
  StatusId meanwhile;
  stage.store.set_commit_hook([&](const store::Batch&) {
    if (StatusId id = std::exchange(meanwhile, StatusId())) elsewhere.Favourite(bob, id);
  });
  for (auto [first, second] : {std::pair(1, 4), std::pair(7, 6)}) {
    meanwhile = replies.at(second);
    Do(replies.at(first), "/favourite");
    EXPECT_FALSE(meanwhile);
    stage.records.Clear();  // as the event of the other server does
    EXPECT_THAT(Shown(), ::testing::IsSupersetOf({replies.at(first), replies.at(second)}));
  }
  stage.store.set_commit_hook({});
}

INSTANTIATE_TEST_SUITE_P(Stores, InteractionRoutesTest, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "Remote" : "Local"; });

}  // namespace
}  // namespace stampede::interactions
