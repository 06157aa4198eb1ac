#include "features/notifications/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "features/accounts/keys.h"
#include "features/testing/stage.h"

namespace stampede::notifications {
namespace {

using relationships::Visibility;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NotificationJobsTest : public ::testing::Test {
 protected:
  std::vector<NotificationRecord> Records(AccountId recipient) {
    uint64_t lower = 0, upper = UINT64_MAX;
    auto found = service.Next(recipient, {}, lower, upper, false, 1'000);
    // The index by sender and the keys tell the same.
    auto count = [&](const store::KeyRange& range) {
      return stage.store.Scan({.range = range, .limit = limits::kScanRowsMax}).size();
    };
    EXPECT_EQ(count(AllFrom(recipient)), found.size());
    EXPECT_EQ(count(AllOnce(recipient)), found.size());
    return found;
  }
  // "type sender" of each, newest first, after all jobs have run.
  std::vector<std::string> Told(AccountId recipient) {
    stage.RunJobs();
    std::vector<std::string> told;
    for (const NotificationRecord& record : Records(recipient)) {
      std::string_view type = NotificationTypeName(static_cast<NotificationType>(record.type()));
      AccountId sender(record.sender());
      told.push_back(std::string(type) + " " + stage.accounts.Get(sender)->username());
    }
    return told;
  }

  template <class Change>
  void ChangeRecord(AccountId account, Change change) {
    stage.committer.Run([&](events::Action& action) {
      accounts::AccountRecord record;
      ASSERT_TRUE(record.ParseFromString(*stage.store.Get(accounts::AccountKey(account))));
      change(record);
      action.batch.Put(accounts::AccountKey(account), record.SerializeAsString());
    });
  }
  void Lock(AccountId account) {
    ChangeRecord(account, [](auto& record) { record.set_locked(true); });
  }
  void Send(auto fill) {
    events::Action action;
    fill(action);
    ASSERT_TRUE(stage.committer.Commit(action));
  }

  testing::Stage stage;
  AccountId alice = stage.alice, bob = stage.bob, charlie = stage.charlie;
  NotificationsService& service = stage.notifications;
};

TEST_F(NotificationJobsTest, AFollowIsToldOnce) {
  stage.relationships.Follow(alice, bob, {});
  stage.relationships.Follow(alice, bob, {.reblogs = false});
  EXPECT_THAT(Told(bob), ElementsAre("follow alice"));
  EXPECT_THAT(Told(alice), IsEmpty());
}

TEST_F(NotificationJobsTest, UnfollowingTakesItBackWhateverRanFirst) {
  stage.relationships.Follow(alice, bob, {});
  stage.relationships.Unfollow(alice, bob);
  EXPECT_THAT(Told(bob), IsEmpty());
  stage.relationships.Follow(alice, bob, {});
  EXPECT_THAT(Told(bob), ElementsAre("follow alice"));
  stage.relationships.Unfollow(alice, bob);
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, FollowingAgainBeforeTheJobsRunTellsOnce) {
  stage.relationships.Follow(alice, bob, {});
  stage.RunJobs();
  stage.relationships.Unfollow(alice, bob);
  stage.relationships.Follow(alice, bob, {});
  EXPECT_THAT(Told(bob), ElementsAre("follow alice"));
}

TEST_F(NotificationJobsTest, ALockedAccountIsToldOfTheRequestAndThenOfTheFollow) {
  Lock(bob);
  stage.relationships.Follow(alice, bob, {});
  EXPECT_THAT(Told(bob), ElementsAre("follow_request alice"));
  stage.relationships.AuthorizeRequest(bob, alice);
  EXPECT_THAT(Told(bob), ElementsAre("follow alice"));
}

TEST_F(NotificationJobsTest, AWithdrawnOrRejectedRequestIsTakenBack) {
  Lock(bob);
  stage.relationships.Follow(alice, bob, {});
  stage.relationships.Follow(charlie, bob, {});
  EXPECT_EQ(Told(bob).size(), 2u);
  stage.relationships.Unfollow(alice, bob);
  stage.relationships.RejectRequest(bob, charlie);
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, AFavouriteIsToldOnceHoweverOftenItIsUndone) {
  StatusId status = stage.Post(bob, "hello");
  for (int i = 0; i < 3; ++i) {
    stage.interactions.Favourite(alice, status);
    stage.interactions.Unfavourite(alice, status);
    stage.interactions.Favourite(alice, status);
    stage.interactions.Favourite(alice, status);
    EXPECT_THAT(Told(bob), ElementsAre("favourite alice"));
  }
  stage.interactions.Unfavourite(alice, status);
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, NobodyIsToldOfWhatTheyDidThemselves) {
  StatusId status = stage.Post(bob, "hello @bob");
  stage.interactions.Favourite(bob, status);
  Send([&](events::Action& action) {
    Notify(action, NotificationType::kMention, bob, bob, status);
  });
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, OnesOwnPollIsToldThoughItsSenderIsOneself) {
  StatusId status = stage.Post(bob, "which?");
  Send([&](events::Action& action) { Notify(action, NotificationType::kPoll, bob, bob, status); });
  EXPECT_THAT(Told(bob), ElementsAre("poll bob"));
}

TEST_F(NotificationJobsTest, BlockedAndMutedSendersAreNotToldOf) {
  StatusId status = stage.Post(bob, "hello");
  stage.relationships.Mute(bob, charlie, true, 60);
  stage.interactions.Favourite(charlie, status);
  stage.interactions.Favourite(alice, status);
  stage.relationships.Block(bob, alice);
  EXPECT_THAT(Told(bob), IsEmpty());

  stage.clock.AdvanceMs(60'000);
  stage.interactions.Reblog(charlie, status, {});
  EXPECT_THAT(Told(bob), ElementsAre("reblog charlie")) << "the mute is over";
}

TEST_F(NotificationJobsTest, AMuteThatSparesNotificationsSparesThem) {
  StatusId status = stage.Post(bob, "hello");
  stage.relationships.Mute(bob, alice, false, 0);
  stage.interactions.Favourite(alice, status);
  EXPECT_THAT(Told(bob), ElementsAre("favourite alice"));
}

TEST_F(NotificationJobsTest, BlockingRemovesAllThatTheBlockedCaused) {
  std::vector<StatusId> posts;
  for (int i = 0; i < 230; ++i) posts.push_back(stage.Post(bob, "post"));
  for (StatusId status : posts) stage.interactions.Favourite(alice, status);
  stage.interactions.Favourite(charlie, posts[0]);
  EXPECT_EQ(Told(bob).size(), 231u);
  stage.relationships.Block(bob, alice);
  EXPECT_THAT(Told(bob), ElementsAre("favourite charlie"));
}

TEST_F(NotificationJobsTest, MentionsAreToldToThoseWhoMaySeeThem) {
  stage.Post(alice, "hi @bob and @charlie", Visibility::kDirect);
  EXPECT_THAT(Told(bob), ElementsAre("mention alice"));
  EXPECT_THAT(Told(charlie), ElementsAre("mention alice"));
}

TEST_F(NotificationJobsTest, AMentionThatInvolvesABlockedAccountIsNotTold) {
  stage.relationships.Block(bob, charlie);
  stage.Post(alice, "hi @bob and @charlie");
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, AMentionInAStatusThatIsGoneIsNotTold) {
  StatusId status = stage.Post(alice, "hi @bob");
  stage.statuses.Delete(alice, status);
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, AStatusThatTheRecipientMayNotSeeIsNotTold) {
  StatusId status = stage.Post(alice, "secret", Visibility::kPrivate);
  Send([&](events::Action& action) {
    Notify(action, NotificationType::kUpdate, bob, alice, status);
  });
  EXPECT_THAT(Told(bob), IsEmpty());
}

TEST_F(NotificationJobsTest, ALimitedSenderIsToldOnlyToFollowers) {
  StatusId bobs = stage.Post(bob, "hello"), charlies = stage.Post(charlie, "hello");
  stage.relationships.Follow(charlie, alice, {});
  ChangeRecord(alice, [](auto& record) { record.set_silenced_ms(1); });
  stage.interactions.Favourite(alice, bobs);
  stage.interactions.Favourite(alice, charlies);
  EXPECT_THAT(Told(bob), IsEmpty());
  EXPECT_THAT(Told(charlie), ElementsAre("favourite alice"));
}

TEST_F(NotificationJobsTest, SuspendedSendersAndStrangersToThisServerAreLeftOut) {
  Send([&](events::Action& action) {
    Notify(action, NotificationType::kFollow, AccountId(4711), alice);
    Notify(action, NotificationType::kFollow, bob, AccountId(4711));
  });
  ChangeRecord(alice, [](auto& record) { record.set_suspended_ms(1); });
  Send([&](events::Action& action) { Notify(action, NotificationType::kFollow, bob, alice); });
  EXPECT_THAT(Told(bob), IsEmpty());
  EXPECT_THAT(Records(AccountId(4711)), IsEmpty());
}

TEST_F(NotificationJobsTest, PostsAreToldToFollowersWhoAskedForIt) {
  stage.relationships.Follow(bob, alice, {.notify = true});
  stage.relationships.Follow(charlie, alice, {});
  StatusId first = stage.Post(alice, "one");
  stage.Post(alice, "two", Visibility::kPrivate, first);
  stage.interactions.Reblog(alice, stage.Post(charlie, "three"), {});
  stage.Post(alice, "four", Visibility::kPublic, stage.Post(charlie, "hm"));
  EXPECT_THAT(Told(bob), ElementsAre("status alice", "status alice"));
  EXPECT_THAT(Told(charlie), ::testing::Not(::testing::Contains("status alice")));
}

TEST_F(NotificationJobsTest, FollowersAreToldInSlices) {
  const size_t count = limits::kNotifiedFollowersPerBatch + 3;
  std::vector<AccountId> fans;
  for (size_t i = 0; i < count; ++i) {
    fans.push_back(stage.Add("fan" + std::to_string(i)));
    stage.relationships.Follow(fans.back(), alice, {.notify = true});
  }
  stage.Post(alice, "to all");
  stage.RunJobs();
  for (AccountId fan : fans) EXPECT_EQ(Records(fan).size(), 1u);
}

TEST_F(NotificationJobsTest, ANewerEditReplacesTheOneBefore) {
  StatusId status = stage.Post(alice, "hello");
  for (int i = 0; i < 2; ++i) {
    Send([&](events::Action& action) {
      Notify(action, NotificationType::kUpdate, bob, alice, status);
    });
    EXPECT_THAT(Told(bob), ElementsAre("update alice"));
  }
}

TEST_F(NotificationJobsTest, FavouritesOfOnePostShareAGroupForTwelveHours) {
  StatusId status = stage.Post(bob, "hello"), other = stage.Post(bob, "again");
  auto group_after = [&](auto act) {
    act();
    stage.RunJobs();
    return Records(bob).front().group_key();
  };
  int64_t hour = stage.clock.NowMs() / 3'600'000;
  std::string first = group_after([&] { stage.interactions.Favourite(alice, status); });
  EXPECT_EQ(first, "favourite-" + status.ToString() + "-" + std::to_string(hour));
  EXPECT_NE(group_after([&] { stage.interactions.Favourite(alice, other); }), first);
  stage.clock.AdvanceMs(11 * 3'600'000);
  EXPECT_EQ(group_after([&] { stage.interactions.Favourite(charlie, status); }), first);
  stage.clock.AdvanceMs(3'600'000);
  EXPECT_NE(group_after([&] { stage.interactions.Favourite(stage.Add("dora"), status); }), first);
  std::string mention = group_after([&] { stage.Post(alice, "@bob"); });
  EXPECT_EQ(mention, "ungrouped-" + std::to_string(Records(bob).front().id()));
}

TEST_F(NotificationJobsTest, CreatedNotificationsAreAnnounced) {
  struct Listener : events::Bus::Subscriber {
    void OnEvent(const events::Event& event) override {
      if (event.kind == events::EventKind::kNotificationCreated) payload = event.payload;
    }
    void OnGap() override {}
    std::string payload;
  } listener;
  stage.bus->Subscribe("listener", &listener);
  stage.relationships.Follow(alice, bob, {});
  stage.RunJobs();
  EXPECT_TRUE(stage.bus->WaitUntilHandled(&listener, 5'000'000));
  stage.bus->Unsubscribe(&listener);
  NotificationCreated created;
  ASSERT_TRUE(created.ParseFromString(listener.payload));
  EXPECT_EQ(created.recipient(), bob.value());
  EXPECT_EQ(created.id(), Records(bob).front().id());
}

}  // namespace
}  // namespace stampede::notifications
