#include "events/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "events/test_support.h"

namespace stampede::events {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using testing::Gate;
using testing::MakeEvent;

constexpr int64_t kLongUs = 10'000'000;

// Remembers what it heard on which thread; stops at a gate for each event that begins with "slow".
class Listener final : public Bus::Subscriber {
 public:
  void OnEvent(const Event& event) override {
    EXPECT_FALSE(busy_.exchange(true)) << "two calls at once";
    if (event.payload.starts_with("slow")) gate.Pass();
    {
      MutexLock lock(mutex_);
      heard_.push_back(event.payload);
      threads_.push_back(std::this_thread::get_id());
    }
    busy_ = false;
  }
  void OnGap() override {}
  bool OnIdle() override {
    EXPECT_FALSE(busy_.exchange(true)) << "two calls at once";
    const bool more = idles_wanted > 0 && --idles_wanted > 0;
    busy_ = false;
    return more;
  }

  std::vector<std::string> heard() {
    MutexLock lock(mutex_);
    return heard_;
  }
  std::vector<std::thread::id> threads() {
    MutexLock lock(mutex_);
    return threads_;
  }
  Gate gate;
  std::atomic<int> idles_wanted{0};

 private:
  std::atomic<bool> busy_{false};
  Mutex mutex_;
  std::vector<std::string> heard_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<std::thread::id> threads_ STAMPEDE_GUARDED_BY(mutex_);
};

class MailboxTest : public ::testing::Test {
 protected:
  Listener listener_;
  Mailbox mailbox_{"listener", &listener_, 1000};
};

TEST_F(MailboxTest, WhoMayWaitHandlesAnEventItselfWhenNothingElseIsToDo) {
  mailbox_.PushOrHandle(MakeEvent("a"));
  EXPECT_THAT(listener_.heard(), ElementsAre("a"));
  EXPECT_THAT(listener_.threads(), ElementsAre(std::this_thread::get_id()));
  EXPECT_TRUE(mailbox_.WaitUntilHandled(0));
}

TEST_F(MailboxTest, WhoMayWaitQueuesItBehindWhatTheThreadHandles) {
  mailbox_.Push(MakeEvent("slow a"));
  ASSERT_TRUE(Eventually([&] { return listener_.gate.waiting() == 1; }));
  mailbox_.PushOrHandle(MakeEvent("b"));
  EXPECT_THAT(listener_.heard(), ElementsAre());
  listener_.gate.Open();
  EXPECT_TRUE(mailbox_.WaitUntilHandled(kLongUs));
  EXPECT_THAT(listener_.heard(), ElementsAre("slow a", "b"));
}

TEST_F(MailboxTest, WhatIsPushedDuringTheCallIsToldByTheThreadAfterwards) {
  std::thread waiting([&] { mailbox_.PushOrHandle(MakeEvent("slow a")); });
  ASSERT_TRUE(Eventually([&] { return listener_.gate.waiting() == 1; }));
  mailbox_.Push(MakeEvent("b"));
  EXPECT_FALSE(mailbox_.WaitUntilHandled(1'000));
  listener_.gate.Open();
  EXPECT_TRUE(mailbox_.WaitUntilHandled(kLongUs));
  waiting.join();
  EXPECT_THAT(listener_.heard(), ElementsAre("slow a", "b"));
}

TEST_F(MailboxTest, TheThreadGoesOnWithWhatCanWait) {
  listener_.idles_wanted = 5;
  mailbox_.PushOrHandle(MakeEvent("a"));
  EXPECT_TRUE(Eventually([&] { return listener_.idles_wanted == 0; }));
}

TEST_F(MailboxTest, CloseWaitsForTheCallUnderWay) {
  std::thread waiting([&] { mailbox_.PushOrHandle(MakeEvent("slow a")); });
  ASSERT_TRUE(Eventually([&] { return listener_.gate.waiting() == 1; }));
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    mailbox_.Close();
    EXPECT_THAT(listener_.heard(), ElementsAre("slow a"));
    closed = true;
  });
  EXPECT_FALSE(closed);
  listener_.gate.Open();
  closer.join();
  waiting.join();
  mailbox_.PushOrHandle(MakeEvent("b"));
  EXPECT_THAT(listener_.heard(), ElementsAre("slow a"));
}

TEST_F(MailboxTest, EveryPushersEventsAreHeardOnceInOrder) {
  constexpr int kPushers = 3, kEvents = 5000;
  auto name = [](int pusher, int number) {
    return std::to_string(pusher) + " " + std::to_string(number);
  };
  std::vector<std::thread> pushers;
  for (int pusher = 0; pusher < kPushers; ++pusher) {
    pushers.emplace_back([&, pusher] {
      for (int i = 0; i < kEvents; ++i) {
        listener_.idles_wanted = i % 3;
        if (pusher == 0)
          mailbox_.PushOrHandle(MakeEvent(name(pusher, i)));
        else
          mailbox_.Push(MakeEvent(name(pusher, i)));
      }
    });
  }
  for (std::thread& pusher : pushers) pusher.join();
  EXPECT_TRUE(mailbox_.WaitUntilHandled(kLongUs));
  std::map<char, int> next;
  for (const std::string& heard : listener_.heard()) {
    EXPECT_EQ(heard, name(heard.front() - '0', next[heard.front()]++));
  }
  EXPECT_EQ(listener_.heard().size(), size_t{kPushers} * kEvents);
}

}  // namespace
}  // namespace stampede::events
