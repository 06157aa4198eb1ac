#include "features/notifications/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "features/testing/api.h"
#include "features/testing/stage.h"

namespace stampede::notifications {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NotificationRoutesTest : public ::testing::Test {
 protected:
  NotificationRoutesTest() {
    AddRoutes(api.table, stage.notifications, stage.views, stage.records, stage.site, stage.clock);
  }

  // bob gets, oldest first: a follow, a favourite, a boost and a mention.
  void FillBob() {
    status = stage.Post(bob, "hello");
    Later([&] { stage.relationships.Follow(alice, bob, {}); });
    Later([&] { stage.interactions.Favourite(alice, status); });
    Later([&] { stage.interactions.Reblog(charlie, status, {}); });
    Later([&] { mention = stage.Post(charlie, "hi @bob"); });
  }
  void Later(auto act) {
    stage.clock.AdvanceMs(10);
    act();
    stage.RunJobs();
  }

  std::vector<std::string> Types(testing::Api::Answer answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> types;
    for (auto& one : answer.Json().as_array()) types.emplace_back(one.at("type").as_string());
    return types;
  }
  std::vector<std::string> Types(std::string_view target) { return Types(api.Get(bob, target)); }
  std::string Id(size_t index) {
    auto list = api.Get(bob, kList).Json();
    return std::string(list.as_array().at(index).at("id").as_string());
  }
  int64_t Unread(std::string_view query = "") {
    auto answer = api.Get(bob, "/api/v1/notifications/unread_count" + std::string(query));
    return answer.Json().at("count").as_int64();
  }

  static constexpr std::string_view kList = "/api/v1/notifications";
  testing::Stage stage;
  testing::Api api{stage};
  AccountId alice = stage.alice, bob = stage.bob, charlie = stage.charlie;
  StatusId status, mention;
};

TEST_F(NotificationRoutesTest, AreListedNewestFirstWithAccountAndStatus) {
  FillBob();
  EXPECT_THAT(Types(kList), ElementsAre("mention", "reblog", "favourite", "follow"));
  auto list = api.Get(bob, kList).Json();
  auto& follow = list.as_array().at(3).as_object();
  EXPECT_FALSE(follow.contains("status"));
  EXPECT_EQ(follow.at("account").at("acct").as_string(), "alice");
  EXPECT_TRUE(follow.contains("created_at") && follow.contains("group_key"));
  EXPECT_EQ(list.as_array().at(0).at("status").at("id").as_string(), mention.ToString());
  EXPECT_EQ(list.as_array().at(1).at("status").at("id").as_string(), status.ToString());
}

TEST_F(NotificationRoutesTest, CanBePickedByTypeAndSender) {
  FillBob();
  EXPECT_THAT(Types("/api/v1/notifications?types[]=mention&types[]=follow"),
              ElementsAre("mention", "follow"));
  EXPECT_THAT(Types("/api/v1/notifications?exclude_types[]=mention&exclude_types[]=reblog"),
              ElementsAre("favourite", "follow"));
  EXPECT_THAT(Types("/api/v1/notifications?types=poll"), IsEmpty());
  EXPECT_THAT(Types("/api/v1/notifications?types[]=of_the_future"), IsEmpty());
  EXPECT_THAT(Types("/api/v1/notifications?account_id=" + alice.ToString()),
              ElementsAre("favourite", "follow"));
  EXPECT_THAT(Types("/api/v1/notifications?account_id=nobody"), IsEmpty());
}

TEST_F(NotificationRoutesTest, PageBackAndForthByLink) {
  FillBob();
  auto newest = api.Get(bob, "/api/v1/notifications?limit=2&exclude_types[]=poll");
  EXPECT_THAT(Types(newest), ElementsAre("mention", "reblog"));
  EXPECT_THAT(newest.Header("Link"), ::testing::HasSubstr("exclude_types"));
  auto older = api.Get(bob, newest.Link("next"));
  EXPECT_THAT(Types(older), ElementsAre("favourite", "follow"));
  auto end = api.Get(bob, older.Link("next"));
  EXPECT_THAT(Types(end), IsEmpty());
  EXPECT_EQ(end.Header("Link"), "");
  EXPECT_THAT(Types(older.Link("prev")), ElementsAre("mention", "reblog"));
  EXPECT_THAT(Types("/api/v1/notifications?limit=1&min_id=" + Id(3)), ElementsAre("favourite"));
  EXPECT_THAT(Types("/api/v1/notifications?limit=1&since_id=" + Id(3)), ElementsAre("mention"));
  EXPECT_THAT(Types("/api/v1/notifications?limit=0"), IsEmpty());
}

TEST_F(NotificationRoutesTest, WhatIsNoLongerToBeSeenIsPassedOver) {
  FillBob();
  stage.statuses.Delete(charlie, mention);
  EXPECT_THAT(Types("/api/v1/notifications?limit=1"), ElementsAre("reblog"));
  stage.relationships.Mute(bob, charlie, true, 0);
  EXPECT_THAT(Types(kList), ElementsAre("favourite", "follow"));
  stage.relationships.Mute(bob, charlie, false, 0);
  EXPECT_THAT(Types(kList), ElementsAre("reblog", "favourite", "follow"));
  stage.relationships.Block(bob, alice);
  EXPECT_THAT(Types(kList), ElementsAre("reblog")) << "before the job has removed them";
}

TEST_F(NotificationRoutesTest, OneIsFoundByItsRecipientOnly) {
  FillBob();
  std::string path = "/api/v1/notifications/" + Id(0);
  EXPECT_EQ(api.Get(bob, path).Json().at("type").as_string(), "mention");
  EXPECT_EQ(api.Get(alice, path).status, 404);
  EXPECT_EQ(api.Get(bob, "/api/v1/notifications/123").status, 404);
  EXPECT_EQ(api.Get(bob, "/api/v1/notifications/abc").status, 404);
  stage.statuses.Delete(charlie, mention);
  EXPECT_EQ(api.Get(bob, path).status, 404);
}

TEST_F(NotificationRoutesTest, CanBeDismissedOneByOneOrAllAtOnce) {
  FillBob();
  std::string id = Id(0);
  EXPECT_EQ(api.Post(alice, "/api/v1/notifications/" + id + "/dismiss").status, 404);
  EXPECT_EQ(Types(kList).size(), 4u) << "alice has no such notification";
  auto dismissed = api.Post(bob, "/api/v1/notifications/" + id + "/dismiss");
  EXPECT_EQ(dismissed.body, "{}");
  EXPECT_EQ(api.Post(bob, "/api/v1/notifications/" + id + "/dismiss").status, 404);
  EXPECT_EQ(Types(kList).size(), 3u);
  EXPECT_EQ(api.Post(bob, "/api/v1/notifications/clear").body, "{}");
  EXPECT_THAT(Types(kList), IsEmpty());
  Later([&] { stage.interactions.Favourite(charlie, status); });
  EXPECT_THAT(Types(kList), ElementsAre("favourite"));
}

TEST_F(NotificationRoutesTest, UnreadAreCountedAboveTheMarker) {
  FillBob();
  EXPECT_EQ(Unread(), 4);
  EXPECT_EQ(Unread("?limit=3"), 3);
  EXPECT_EQ(Unread("?types[]=follow"), 1);
  EXPECT_EQ(api.Post(bob, "/api/v1/markers", "notifications[last_read_id]=" + Id(1)).status, 200);
  EXPECT_EQ(Unread(), 1);
}

TEST_F(NotificationRoutesTest, MarkersAreKeptPerTimelineWithAVersion) {
  auto unset = api.Get(bob, "/api/v1/markers?timeline[]=home&timeline[]=notifications").Json();
  EXPECT_EQ(unset.at("notifications").at("last_read_id").as_string(), "0");
  EXPECT_EQ(unset.at("home").at("version").as_int64(), 0);
  EXPECT_EQ(api.Get(bob, "/api/v1/markers").body, "{}");

  api.Post(bob, "/api/v1/markers", "home[last_read_id]=7&notifications[last_read_id]=8");
  auto set = api.Post(bob, "/api/v1/markers", "home[last_read_id]=9&other[last_read_id]=1").Json();
  EXPECT_EQ(set.as_object().size(), 1u);
  EXPECT_EQ(set.at("home").at("last_read_id").as_string(), "9");
  EXPECT_EQ(set.at("home").at("version").as_int64(), 2);
  auto both = api.Get(bob, "/api/v1/markers?timeline[]=home&timeline[]=notifications").Json();
  EXPECT_EQ(both.at("notifications").at("last_read_id").as_string(), "8");
  EXPECT_EQ(api.Get(alice, "/api/v1/markers?timeline=home").Json().at("home").at("version"), 0);
  EXPECT_EQ(api.Post(bob, "/api/v1/markers", "home[last_read_id]=x").status, 422);
}

TEST_F(NotificationRoutesTest, NeedAMemberAndTheRightScope) {
  EXPECT_EQ(api.GetAnonymously(kList).status, 401);
  EXPECT_EQ(api.Get(AccountId(), kList).status, 422);
  EXPECT_EQ(api.Get(bob, kList, "read:statuses write").status, 403);
  EXPECT_EQ(api.Get(bob, kList, "read:notifications").status, 200);
  EXPECT_EQ(api.Post(bob, "/api/v1/notifications/clear", "", "read").status, 403);
  EXPECT_EQ(api.Post(bob, "/api/v1/markers", "", "read").status, 403);
  EXPECT_EQ(api.Get(bob, "/api/v1/markers", "read:statuses").status, 200);
}

}  // namespace
}  // namespace stampede::notifications
