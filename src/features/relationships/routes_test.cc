#include "features/relationships/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/accounts/keys.h"
#include "features/testing/api.h"
#include "features/testing/cast.h"

namespace stampede::relationships {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RelationshipRoutesTest : public ::testing::Test {
 protected:
  RelationshipRoutesTest() { AddRoutes(api.table, service, cast.records, cast.site, cast.clock); }

  // Does something to `target` and returns the relationship answered.
  boost::json::value Do(AccountId me, AccountId target, std::string_view what,
                        std::string form = "") {
    auto answer = api.Post(me, Path(target, what), std::move(form));
    EXPECT_EQ(answer.status, 200) << what << " " << answer.body;
    return answer.Json();
  }
  static std::string Path(AccountId target, std::string_view what) {
    return "/api/v1/accounts/" + target.ToString() + "/" + std::string(what);
  }
  static bool Is(const boost::json::value& relationship, std::string_view key) {
    return relationship.at(key).as_bool();
  }
  std::vector<std::string> Names(testing::Api::Answer answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<std::string> names;
    for (auto& one : answer.Json().as_array()) names.emplace_back(one.at("acct").as_string());
    return names;
  }
  std::vector<std::string> Names(AccountId me, std::string_view target) {
    return Names(api.Get(me, target));
  }
  template <class Change>
  void ChangeRecord(AccountId account, Change change) {
    cast.committer.Run([&](events::Action& action) {
      accounts::AccountRecord record;
      ASSERT_TRUE(record.ParseFromString(*cast.store.Get(accounts::AccountKey(account))));
      change(record);
      action.batch.Put(accounts::AccountKey(account), record.SerializeAsString());
    });
  }

  testing::Cast cast;
  RelationshipsService service{cast.committer};
  testing::Api api{cast};
  AccountId alice = cast.alice, bob = cast.bob, charlie = cast.charlie;
};

TEST_F(RelationshipRoutesTest, FollowAnswersWithEveryKeyOfTheRelationship) {
  auto relationship = Do(alice, bob, "follow", "languages[]=en&languages[]=de&notify=true");
  std::vector<std::string> keys;
  for (auto& member : relationship.as_object()) keys.emplace_back(member.key());
  EXPECT_THAT(keys, ElementsAre("id", "following", "showing_reblogs", "notifying", "languages",
                                "followed_by", "blocking", "blocked_by", "muting",
                                "muting_notifications", "muting_expires_at", "requested",
                                "requested_by", "domain_blocking", "endorsed", "note"));
  EXPECT_EQ(relationship.at("id").as_string(), bob.ToString());
  EXPECT_TRUE(Is(relationship, "following") && Is(relationship, "showing_reblogs"));
  EXPECT_TRUE(Is(relationship, "notifying"));
  EXPECT_EQ(relationship.at("languages").as_array().size(), 2u);

  relationship = Do(alice, bob, "follow", "reblogs=false&languages[]=");
  EXPECT_FALSE(Is(relationship, "showing_reblogs"));
  EXPECT_TRUE(Is(relationship, "notifying"));
  EXPECT_TRUE(relationship.at("languages").is_null());
  EXPECT_EQ(api.Post(alice, Path(bob, "follow"), "languages[]=klingon!").status, 422);
  EXPECT_FALSE(Is(Do(alice, bob, "unfollow"), "following"));
}

TEST_F(RelationshipRoutesTest, RefusalsCarryMastodonsStatus) {
  EXPECT_EQ(api.Post(alice, Path(alice, "follow")).status, 403);
  EXPECT_EQ(api.Post(alice, Path(AccountId(99), "follow")).status, 404);
  EXPECT_EQ(api.Post(alice, Path(AccountId(99), "unfollow")).status, 404);
  EXPECT_EQ(api.Post(alice, "/api/v1/accounts/bob/follow").status, 404);
  EXPECT_EQ(api.Post(alice, "/api/v1/follow_requests/" + bob.ToString() + "/authorize").status,
            404);
  Do(bob, alice, "block");
  EXPECT_EQ(api.Post(alice, Path(bob, "follow")).status, 403);
}

TEST_F(RelationshipRoutesTest, RequestsAreListedAndAnswered) {
  ChangeRecord(bob, [](auto& record) { record.set_locked(true); });
  EXPECT_TRUE(Is(Do(alice, bob, "follow"), "requested"));
  cast.clock.AdvanceMs(1);
  Do(charlie, bob, "follow");
  EXPECT_THAT(Names(bob, "/api/v1/follow_requests"), ElementsAre("charlie", "alice"));
  std::string path = "/api/v1/follow_requests/";
  auto answered = api.Post(bob, path + alice.ToString() + "/authorize").Json();
  EXPECT_TRUE(Is(answered, "followed_by"));
  EXPECT_FALSE(Is(answered, "requested_by"));
  EXPECT_EQ(api.Post(bob, path + charlie.ToString() + "/reject").status, 200);
  EXPECT_THAT(Names(bob, "/api/v1/follow_requests"), IsEmpty());
  EXPECT_FALSE(Is(Do(bob, alice, "remove_from_followers"), "followed_by"));
}

TEST_F(RelationshipRoutesTest, BlocksAndMutesAreListed) {
  EXPECT_TRUE(Is(Do(alice, bob, "block"), "blocking"));
  auto muted = Do(alice, charlie, "mute", "duration=60&notifications=false");
  EXPECT_TRUE(Is(muted, "muting"));
  EXPECT_FALSE(Is(muted, "muting_notifications"));
  EXPECT_EQ(muted.at("muting_expires_at").as_string(), "2023-11-14T22:14:20.000Z");
  EXPECT_THAT(Names(alice, "/api/v1/blocks"), ElementsAre("bob"));
  auto mutes = api.Get(alice, "/api/v1/mutes").Json();
  EXPECT_EQ(mutes.as_array().at(0).at("mute_expires_at").as_string(), "2023-11-14T22:14:20.000Z");
  EXPECT_TRUE(Is(Do(alice, charlie, "mute"), "muting_notifications"));
  mutes = api.Get(alice, "/api/v1/mutes").Json();
  EXPECT_TRUE(mutes.as_array().at(0).at("mute_expires_at").is_null());
  EXPECT_FALSE(Is(Do(alice, bob, "unblock"), "blocking"));
  EXPECT_FALSE(Is(Do(alice, charlie, "unmute"), "muting"));
  EXPECT_THAT(Names(alice, "/api/v1/blocks"), IsEmpty());
  EXPECT_THAT(Names(alice, "/api/v1/mutes"), IsEmpty());
}

TEST_F(RelationshipRoutesTest, ANoteIsPrivate) {
  EXPECT_EQ(Do(alice, bob, "note", "comment=a+friend").at("note").as_string(), "a friend");
  EXPECT_EQ(Do(bob, alice, "note").at("note").as_string(), "");
  EXPECT_EQ(Do(alice, bob, "note").at("note").as_string(), "");
}

TEST_F(RelationshipRoutesTest, RelationshipsComeInTheOrderAskedForWithoutTheUnknown) {
  Do(alice, charlie, "follow");
  auto ids = [&](std::string_view query) {
    auto answer = api.Get(alice, "/api/v1/accounts/relationships?" + std::string(query));
    std::vector<std::string> ids;
    for (auto& one : answer.Json().as_array()) ids.emplace_back(one.at("id").as_string());
    return ids;
  };
  std::string a = alice.ToString(), b = bob.ToString(), c = charlie.ToString();
  EXPECT_THAT(ids("id[]=" + c + "&id[]=12&id[]=x&id[]=" + b + "&id[]=" + a), ElementsAre(c, b, a));
  EXPECT_THAT(ids("id=" + c), ElementsAre(c));
  EXPECT_THAT(ids(""), IsEmpty());
  ChangeRecord(bob, [](auto& record) { record.set_suspended_ms(1); });
  EXPECT_THAT(ids("id=" + b), IsEmpty());
  EXPECT_THAT(ids("id=" + b + "&with_suspended=true"), ElementsAre(b));
}

TEST_F(RelationshipRoutesTest, FollowersPageByLinkOnRelationIds) {
  for (int i = 0; i < 5; ++i) {
    AccountId fan = cast.Add("fan" + std::to_string(i));
    cast.clock.AdvanceMs(1);
    service.Follow(fan, bob, {});
  }
  auto newest = api.GetAnonymously(Path(bob, "followers?limit=2"));
  EXPECT_THAT(Names(newest), ElementsAre("fan4", "fan3"));
  EXPECT_THAT(newest.Header("Link"), ::testing::HasSubstr("https://social.example/api/v1/"));
  auto older = api.GetAnonymously(newest.Link("next"));
  EXPECT_THAT(Names(older), ElementsAre("fan2", "fan1"));
  auto oldest = api.GetAnonymously(older.Link("next"));
  EXPECT_THAT(Names(oldest), ElementsAre("fan0"));
  EXPECT_EQ(oldest.Link("next"), "") << "shorter than the limit";
  EXPECT_THAT(older.Link("prev"), ::testing::HasSubstr("since_id="));
  EXPECT_THAT(Names(api.GetAnonymously(older.Link("prev"))), ElementsAre("fan4", "fan3"));
  EXPECT_EQ(api.GetAnonymously(Path(AccountId(5), "followers")).status, 404);
}

TEST_F(RelationshipRoutesTest, HiddenListsAreEmptyButForTheirOwner) {
  service.Follow(alice, bob, {});
  service.Follow(bob, alice, {});
  EXPECT_THAT(Names(charlie, Path(bob, "following")), ElementsAre("alice"));
  service.Block(bob, charlie);
  EXPECT_THAT(Names(charlie, Path(bob, "following")), IsEmpty()) << "bob blocks charlie";
  ChangeRecord(bob, [](auto& record) { record.set_hide_collections(true); });
  EXPECT_THAT(Names(alice, Path(bob, "followers")), IsEmpty());
  EXPECT_THAT(Names(api.GetAnonymously(Path(bob, "followers"))), IsEmpty());
  EXPECT_THAT(Names(bob, Path(bob, "followers")), ElementsAre("alice"));
  ChangeRecord(alice, [](auto& record) { record.set_suspended_ms(1); });
  EXPECT_THAT(Names(bob, Path(alice, "followers")), IsEmpty());
  EXPECT_THAT(Names(bob, Path(bob, "followers")), IsEmpty()) << "alice is suspended";
}

TEST_F(RelationshipRoutesTest, ListsOfOthersLeaveOutWhomTheViewerBlocksOrMutes) {
  service.Follow(alice, bob, {});
  service.Follow(charlie, bob, {});
  AccountId dora = cast.Add("dora");
  service.Mute(dora, alice, true, 0);
  EXPECT_THAT(Names(dora, Path(bob, "followers")), ElementsAre("charlie"));
  service.Block(charlie, dora);
  EXPECT_THAT(Names(dora, Path(bob, "followers")), IsEmpty());
}

TEST_F(RelationshipRoutesTest, FamiliarFollowersAreThoseBothKnow) {
  AccountId dora = cast.Add("dora");
  for (AccountId fan : {alice, charlie}) service.Follow(fan, bob, {});
  service.Follow(dora, alice, {});
  service.Follow(dora, charlie, {});
  auto names = [&] {
    std::vector<std::string> names;
    auto answer = api.Get(dora, "/api/v1/accounts/familiar_followers?id[]=" + bob.ToString());
    auto familiar = answer.Json();
    EXPECT_EQ(familiar.as_array().at(0).at("id").as_string(), bob.ToString());
    for (auto& one : familiar.as_array().at(0).at("accounts").as_array()) {
      names.emplace_back(one.at("acct").as_string());
    }
    return names;
  };
  EXPECT_THAT(names(), ::testing::UnorderedElementsAre("alice", "charlie"));
  ChangeRecord(alice, [](auto& record) { record.set_hide_collections(true); });
  EXPECT_THAT(names(), ElementsAre("charlie"));
  ChangeRecord(bob, [](auto& record) { record.set_hide_collections(true); });
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(RelationshipRoutesTest, CommandsNeedAMemberAndTheRightScope) {
  EXPECT_EQ(api.Post(alice, Path(bob, "follow"), "", "read").status, 403);
  EXPECT_EQ(api.Post(alice, Path(bob, "follow"), "", "write:follows").status, 200);
  EXPECT_EQ(api.Post(alice, Path(bob, "unfollow"), "", "follow").status, 200);
  EXPECT_EQ(api.Post(alice, Path(bob, "block"), "", "write:follows").status, 403);
  EXPECT_EQ(api.Post(alice, Path(bob, "mute"), "", "write:mutes").status, 200);
  EXPECT_EQ(api.Post(alice, Path(bob, "note"), "", "write:mutes").status, 403);
  EXPECT_EQ(api.Post(AccountId(), Path(bob, "follow")).status, 422);
  EXPECT_EQ(api.GetAnonymously("/api/v1/blocks").status, 401);
  EXPECT_EQ(api.Get(alice, "/api/v1/mutes", "read:blocks").status, 403);
  EXPECT_EQ(api.Get(alice, "/api/v1/accounts/relationships", "read:follows").status, 200);
}

}  // namespace
}  // namespace stampede::relationships
