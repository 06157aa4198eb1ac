#include "features/relationships/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/limits.h"
#include "base/mutex.h"
#include "features/accounts/keys.h"
#include "features/relationships/jobs.h"
#include "features/testing/cast.h"

namespace stampede::relationships {
namespace {

using accounts::AccountCounter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Collects what was announced.
class Listener final : public events::Bus::Subscriber {
 public:
  void OnEvent(const events::Event& event) override {
    if (event.kind != events::EventKind::kRelationChanged) return;
    RelationChanged change;
    ASSERT_TRUE(change.ParseFromString(event.payload));
    MutexLock lock(mutex_);
    heard_.push_back(
        {AccountId(change.source()), AccountId(change.target()), change.follow_changed()});
  }
  void OnGap() override {}

  using Change = std::tuple<AccountId, AccountId, bool>;
  std::vector<Change> Take() {
    MutexLock lock(mutex_);
    return std::exchange(heard_, {});
  }

 private:
  Mutex mutex_;
  std::vector<Change> heard_ STAMPEDE_GUARDED_BY(mutex_);
};

class RelationshipsTest : public ::testing::Test {
 protected:
  RelationshipsTest() { cast.bus->Subscribe("listener", &listener); }
  ~RelationshipsTest() override { cast.bus->Unsubscribe(&listener); }

  // Whatever a test did: records, rows of both sides and counters tell the same.
  void TearDown() override {
    for (AccountId account : everybody) CheckAccount(account);
  }

  int64_t Counter(AccountId account, AccountCounter counter) {
    return store::DecodeCounter(cast.store.Get(accounts::CounterKey(account, counter)));
  }

  std::set<AccountId> Listed(List list, AccountId owner) {
    std::set<AccountId> listed;
    size_t rows = 0;
    for (auto& one : service.ListPage(list, owner, {.limit = limits::kScanRowsMax})) {
      listed.insert(one.account);
      ++rows;
    }
    EXPECT_EQ(listed.size(), rows) << "an account is listed twice";
    return listed;
  }

  std::set<AccountId> Notified(AccountId owner) {
    std::set<AccountId> notified;
    for (auto& row : cast.store.Scan(
             {.range = NotifiedFollowerRange(owner, {}), .limit = limits::kScanRowsMax})) {
      notified.insert(NotifiedFollowerOf(row.key));
    }
    return notified;
  }

  void CheckAccount(AccountId account) {
    std::set<AccountId> following, followers, blocks, mutes, requests, notified;
    int64_t restrictions = 0;
    for (AccountId other : everybody) {
      Ties ties = service.GetTies(account, other);
      if (ties.following()) following.insert(other);
      if (ties.followed_by()) followers.insert(other);
      if (ties.blocking()) blocks.insert(other);
      if (ties.muting(cast.clock.NowMs())) mutes.insert(other);
      if (ties.theirs && ties.theirs->has_request()) requests.insert(other);
      if (ties.followed_by() && ties.theirs->follow().notify()) notified.insert(other);
      restrictions += ties.blocking() + ties.blocked_by() + (ties.mine && ties.mine->has_mute());
      bool blocked = ties.blocking() || ties.blocked_by();
      EXPECT_FALSE(blocked && (ties.following() || ties.requested()));
      EXPECT_FALSE(ties.following() && ties.requested());
    }
    EXPECT_EQ(Listed(List::kFollowing, account), following);
    EXPECT_EQ(Listed(List::kFollowers, account), followers);
    EXPECT_EQ(Listed(List::kBlocks, account), blocks);
    EXPECT_EQ(Listed(List::kMutes, account), mutes);
    EXPECT_EQ(Listed(List::kRequests, account), requests);
    EXPECT_EQ(Notified(account), notified);
    EXPECT_EQ(Counter(account, AccountCounter::kFollowing), int64_t(following.size()));
    EXPECT_EQ(Counter(account, AccountCounter::kFollowers), int64_t(followers.size()));
    EXPECT_EQ(Counter(account, AccountCounter::kFollowRequests), int64_t(requests.size()));
    EXPECT_EQ(Counter(account, AccountCounter::kNotifiedFollowers), int64_t(notified.size()));
    EXPECT_EQ(Counter(account, AccountCounter::kRestrictions), restrictions);
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
  void Lock(AccountId account) {
    ChangeRecord(account, [](auto& record) { record.set_locked(true); });
  }

  AccountId AddOne(const std::string& name) {
    everybody.push_back(cast.Add(name));
    return everybody.back();
  }

  ErrorCode Refusal(auto command) {
    try {
      command();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "was not refused";
    return ErrorCode::kInternal;
  }

  std::vector<Listener::Change> Heard() {
    EXPECT_TRUE(cast.bus->WaitUntilHandled(&listener, 5'000'000));
    return listener.Take();
  }

  std::string Note(AccountId source, AccountId target) {
    Ties ties = service.GetTies(source, target);
    return ties.mine ? ties.mine->note() : "";
  }

  testing::Cast cast;
  AccountId alice = cast.alice, bob = cast.bob, charlie = cast.charlie;
  std::vector<AccountId> everybody = {alice, bob, charlie};
  Listener listener;
  RelationshipsService service{cast.committer};
};

TEST_F(RelationshipsTest, FollowingTwiceCountsOnce) {
  service.Follow(alice, bob, {});
  service.Follow(alice, bob, {});
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowers), 1);
  EXPECT_TRUE(service.GetTies(alice, bob).following());
  EXPECT_TRUE(service.GetTies(bob, alice).followed_by());
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{alice, bob, true}));
}

TEST_F(RelationshipsTest, FollowingAgainChangesOnlyTheGivenTerms) {
  service.Follow(alice, bob, {.notify = true, .languages = {{"de", "en"}}});
  EXPECT_THAT(Notified(bob), ElementsAre(alice));
  service.Follow(alice, bob, {.reblogs = false});
  FollowTerms terms = service.GetTies(alice, bob).mine->follow();
  EXPECT_FALSE(terms.reblogs());
  EXPECT_TRUE(terms.notify());
  EXPECT_THAT(terms.languages(), ElementsAre("de", "en"));
  auto followed = service.AllFollowed(alice);
  ASSERT_EQ(followed.size(), 1u);
  EXPECT_EQ(followed[0].account, bob);
  EXPECT_FALSE(followed[0].reblogs);
  EXPECT_THAT(followed[0].languages, ElementsAre("de", "en"));
  service.Follow(alice, bob, {.notify = false, .languages = {{}}});
  EXPECT_THAT(Notified(bob), IsEmpty());
  EXPECT_EQ(Heard().size(), 3u);
}

TEST_F(RelationshipsTest, FollowingIsRefusedToOneselfAndAcrossABlock) {
  EXPECT_EQ(Refusal([&] { service.Follow(alice, alice, {}); }), ErrorCode::kForbidden);
  service.Block(alice, bob);
  EXPECT_EQ(Refusal([&] { service.Follow(alice, bob, {}); }), ErrorCode::kForbidden);
  EXPECT_EQ(Refusal([&] { service.Follow(bob, alice, {}); }), ErrorCode::kForbidden);
}

TEST_F(RelationshipsTest, FollowingAMissingOrSuspendedAccountIsNotFound) {
  ChangeRecord(bob, [](auto& record) { record.set_suspended_ms(1); });
  EXPECT_EQ(Refusal([&] { service.Follow(alice, bob, {}); }), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal([&] { service.Follow(alice, AccountId(123), {}); }), ErrorCode::kNotFound);
}

TEST_F(RelationshipsTest, FollowingMorePeopleThanTheLimitIsRefusedUnlessAsManyFollowBack) {
  auto add = [&](AccountCounter counter, int64_t by) {
    cast.committer.Run([&](events::Action& action) {
      action.batch.Add(accounts::CounterKey(alice, counter), by);
    });
  };
  add(AccountCounter::kFollowing, limits::kFollowsMax);
  EXPECT_EQ(Refusal([&] { service.Follow(alice, bob, {}); }), ErrorCode::kInvalid);
  add(AccountCounter::kFollowers, limits::kFollowsMax);
  service.Follow(alice, bob, {});
  EXPECT_TRUE(service.GetTies(alice, bob).following());
  add(AccountCounter::kFollowing, -limits::kFollowsMax);
  add(AccountCounter::kFollowers, -limits::kFollowsMax);
}

TEST_F(RelationshipsTest, UnfollowingEndsTheFollowAndSaysSoOnce) {
  service.Follow(alice, bob, {.notify = true});
  service.Unfollow(alice, bob);
  service.Unfollow(alice, bob);
  EXPECT_FALSE(cast.store.Get(RelationKey(alice, bob)));
  EXPECT_THAT(Heard(),
              ElementsAre(Listener::Change{alice, bob, true}, Listener::Change{alice, bob, true}));
}

TEST_F(RelationshipsTest, ALockedAccountIsAskedAndDecides) {
  Lock(bob);
  service.Follow(alice, bob, {.notify = true});
  service.Follow(charlie, bob, {});
  EXPECT_TRUE(service.GetTies(alice, bob).requested());
  EXPECT_FALSE(service.GetTies(alice, bob).following());
  EXPECT_THAT(Listed(List::kRequests, bob), UnorderedElementsAre(alice, charlie));
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{alice, bob, false},
                                   Listener::Change{charlie, bob, false}));

  service.AuthorizeRequest(bob, alice);
  service.RejectRequest(bob, charlie);
  EXPECT_TRUE(service.GetTies(alice, bob).following());
  EXPECT_TRUE(service.GetTies(alice, bob).mine->follow().notify());
  EXPECT_FALSE(service.GetTies(charlie, bob).mine);
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{alice, bob, true},
                                   Listener::Change{charlie, bob, false}));
  EXPECT_EQ(Refusal([&] { service.AuthorizeRequest(bob, alice); }), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal([&] { service.RejectRequest(bob, charlie); }), ErrorCode::kNotFound);
}

TEST_F(RelationshipsTest, ARequestCanBeChangedAndWithdrawn) {
  Lock(bob);
  service.Follow(alice, bob, {});
  service.Follow(alice, bob, {.reblogs = false});
  EXPECT_FALSE(service.GetTies(alice, bob).mine->request().reblogs());
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowRequests), 1);
  service.Unfollow(alice, bob);
  EXPECT_THAT(Listed(List::kRequests, bob), IsEmpty());
}

TEST_F(RelationshipsTest, ALimitedAccountAsksEvenWhomEverybodyMayFollow) {
  ChangeRecord(alice, [](auto& record) { record.set_silenced_ms(1); });
  service.Follow(alice, bob, {});
  EXPECT_TRUE(service.GetTies(alice, bob).requested());
  service.AuthorizeAllRequests(bob);
  EXPECT_TRUE(service.GetTies(alice, bob).requested()) << "is for bob to judge";
}

TEST_F(RelationshipsTest, UnlockingAcceptsEveryRequestInSlices) {
  Lock(bob);
  const size_t count = limits::kAcceptedRequestsPerBatch + 5;
  for (size_t i = 0; i < count; ++i) {
    service.Follow(AddOne("fan" + std::to_string(i)), bob, {});
  }
  obs::Metrics metrics;
  jobs::JobRunner runner(cast.committer, cast.random, metrics);
  AddJobs(runner, service);
  service.AuthorizeAllRequests(bob);
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowers), int64_t(limits::kAcceptedRequestsPerBatch));
  runner.Start();
  EXPECT_TRUE(runner.WaitUntilIdle(10'000));
  runner.Stop();
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowers), int64_t(count));
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowRequests), 0);
}

TEST_F(RelationshipsTest, ABlockEndsFollowsAndRequestsBothWays) {
  service.Follow(alice, bob, {.notify = true});
  service.Follow(bob, alice, {.notify = true});
  Lock(charlie);
  service.Follow(alice, charlie, {});
  Heard();

  service.Block(alice, bob);
  service.Block(alice, bob);
  EXPECT_THAT(Heard(), UnorderedElementsAre(Listener::Change{alice, bob, true},
                                            Listener::Change{bob, alice, true}));
  service.Block(charlie, alice);
  EXPECT_THAT(Heard(), UnorderedElementsAre(Listener::Change{charlie, alice, false},
                                            Listener::Change{alice, charlie, false}));
  Ties ties = service.GetTies(alice, bob);
  EXPECT_TRUE(ties.blocking());
  EXPECT_FALSE(ties.following() || ties.followed_by());
  EXPECT_TRUE(service.GetTies(bob, alice).blocked_by());
  EXPECT_FALSE(service.GetTies(alice, charlie).requested());

  service.Unblock(alice, bob);
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{alice, bob, false}));
  service.Follow(bob, alice, {});
  EXPECT_TRUE(service.GetTies(bob, alice).following());
}

TEST_F(RelationshipsTest, RemovingAFollowerEndsTheirFollowOnly) {
  service.Follow(alice, bob, {});
  service.Follow(bob, alice, {});
  Heard();
  service.RemoveFollower(alice, bob);
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{bob, alice, true}));
  EXPECT_TRUE(service.GetTies(alice, bob).following());
  EXPECT_FALSE(service.GetTies(bob, alice).following());
}

TEST_F(RelationshipsTest, BlockingOrMutingOneselfDoesNothing) {
  service.Block(alice, alice);
  service.Mute(alice, alice, true, 0);
  EXPECT_FALSE(cast.store.Get(RelationKey(alice, alice)));
}

TEST_F(RelationshipsTest, BlockingMutingOrNotingAMissingAccountIsNotFound) {
  AccountId missing(77);
  EXPECT_EQ(Refusal([&] { service.Block(alice, missing); }), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal([&] { service.Mute(alice, missing, true, 0); }), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal([&] { service.SetNote(alice, missing, "?"); }), ErrorCode::kNotFound);
}

TEST_F(RelationshipsTest, AMuteKeepsItsFollowAndCanBeChanged) {
  service.Follow(alice, bob, {});
  service.Mute(alice, bob, true, 0);
  service.Mute(alice, bob, false, 60);
  Ties ties = service.GetTies(alice, bob);
  EXPECT_TRUE(ties.following());
  EXPECT_FALSE(ties.mine->mute().notifications());
  EXPECT_EQ(ties.mine->mute().expires_ms(), cast.clock.NowMs() + 60'000);
  service.Unmute(alice, bob);
  EXPECT_FALSE(service.GetTies(alice, bob).muting(cast.clock.NowMs()));
  EXPECT_EQ(Refusal([&] { service.Mute(alice, bob, true, -1); }), ErrorCode::kInvalid);
}

TEST_F(RelationshipsTest, AnExpiredMuteIsOverAtOnceAndRemovedByItsJob) {
  obs::Metrics metrics;
  jobs::JobRunner runner(cast.committer, cast.random, metrics);
  AddJobs(runner, service);
  service.Mute(alice, bob, true, 60);
  service.Mute(alice, charlie, true, 60);
  service.Mute(alice, charlie, true, 0);
  Heard();
  EXPECT_EQ(Listed(List::kMutes, alice).size(), 2u);

  cast.clock.AdvanceMs(60'000);
  EXPECT_FALSE(service.GetTies(alice, bob).muting(cast.clock.NowMs()));
  EXPECT_THAT(Listed(List::kMutes, alice), ElementsAre(charlie));
  EXPECT_TRUE(cast.store.Get(RelationKey(alice, bob)));
  runner.Start();
  EXPECT_TRUE(runner.WaitUntilIdle(10'000));
  runner.Stop();
  EXPECT_FALSE(cast.store.Get(RelationKey(alice, bob)));
  EXPECT_TRUE(cast.store.Get(RelationKey(alice, charlie))) << "was made to last";
  EXPECT_THAT(Heard(), ElementsAre(Listener::Change{alice, bob, false}));
}

TEST_F(RelationshipsTest, ANoteStaysUntilItIsEmptied) {
  service.SetNote(alice, bob, "met at the fair");
  EXPECT_EQ(Note(alice, bob), "met at the fair");
  EXPECT_EQ(Note(bob, alice), "");
  std::string most(limits::kRelationshipNoteCharsMax, 'x');
  service.SetNote(alice, bob, most);
  EXPECT_EQ(Refusal([&] { service.SetNote(alice, bob, most + "x"); }), ErrorCode::kInvalid);
  service.SetNote(alice, bob, "");
  EXPECT_FALSE(cast.store.Get(RelationKey(alice, bob)));
}

TEST_F(RelationshipsTest, ListsAreNewestFirstAndPageByRelation) {
  std::vector<AccountId> fans;
  for (int i = 0; i < 5; ++i) {
    fans.push_back(AddOne("fan" + std::to_string(i)));
    cast.clock.AdvanceMs(1);
    service.Follow(fans.back(), bob, {});
  }
  auto accounts = [](const std::vector<ListedAccount>& page) {
    std::vector<AccountId> ids;
    for (auto& one : page) ids.push_back(one.account);
    return ids;
  };
  auto first = service.ListPage(List::kFollowers, bob, {.limit = 2});
  EXPECT_THAT(accounts(first), ElementsAre(fans[4], fans[3]));
  auto second =
      service.ListPage(List::kFollowers, bob, {.max_id = first.back().id.value(), .limit = 10});
  EXPECT_THAT(accounts(second), ElementsAre(fans[2], fans[1], fans[0]));
  auto newer =
      service.ListPage(List::kFollowers, bob, {.since_id = second.front().id.value(), .limit = 10});
  EXPECT_EQ(accounts(newer), accounts(first));
  EXPECT_THAT(service.ListPage(List::kFollowers, bob, {.limit = 0}), IsEmpty());
  EXPECT_THAT(service.ListPage(List::kFollowers, bob, {.max_id = 0, .limit = 5}), IsEmpty());
}

TEST_F(RelationshipsTest, TwoThreadsOnOnePairLeaveEverythingInStep) {
  constexpr int kTimes = 1'000;
  // A refusal for too many conflicts is fine; leaving a half is not.
  auto work = [&](bool notify) {
    for (int i = 0; i < kTimes; ++i) {
      try {
        service.Follow(alice, bob, {.notify = notify});
        service.Unfollow(alice, bob);
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::kConflict);
      }
    }
  };
  std::thread one(work, true), two(work, false);
  one.join();
  two.join();
  service.Follow(alice, bob, {});
  EXPECT_EQ(Counter(bob, AccountCounter::kFollowers), 1);
}

TEST_F(RelationshipsTest, BlockingWhileBeingFollowedNeverLeavesAFollow) {
  for (int i = 0; i < 200; ++i) {
    std::thread follower([&] {
      try {
        service.Follow(bob, alice, {});
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::kForbidden);
      }
    });
    service.Block(alice, bob);
    follower.join();
    ASSERT_FALSE(service.GetTies(bob, alice).following());
    service.Unblock(alice, bob);
  }
}

// Any sequence of commands keeps the invariants that TearDown checks.
TEST_F(RelationshipsTest, RandomCommandsKeepRecordsRowsAndCountersInStep) {
  AddOne("dora");
  AddOne("emil");
  Lock(charlie);
  constexpr uint64_t kSeed = 4711;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  SeededRandom random(kSeed);
  auto anybody = [&] { return everybody[random.Below(everybody.size())]; };
  for (int i = 0; i < 3'000; ++i) {
    AccountId me = anybody(), them = anybody();
    cast.clock.AdvanceMs(random.Below(5));
    try {
      switch (random.Below(11)) {
        case 0:
        case 1:
        case 2:
          service.Follow(me, them, {.notify = random.Below(2) == 0});
          break;
        case 3:
          service.Unfollow(me, them);
          break;
        case 4:
          service.RemoveFollower(me, them);
          break;
        case 5:
          service.AuthorizeRequest(me, them);
          break;
        case 6:
          service.RejectRequest(me, them);
          break;
        case 7:
          service.Block(me, them);
          break;
        case 8:
          service.Unblock(me, them);
          break;
        case 9:
          service.Mute(me, them, true, random.Below(3));
          break;
        case 10:
          service.AuthorizeAllRequests(charlie);
          break;
      }
    } catch (const Error&) {
      // Refusals are part of it.
    }
    if (i % 500 == 0) TearDown();
  }
}

}  // namespace
}  // namespace stampede::relationships
