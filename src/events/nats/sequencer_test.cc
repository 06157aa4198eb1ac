#include "events/nats/sequencer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace stampede::events::nats {
namespace {

using ::testing::ElementsAre;

class SequencerTest : public ::testing::Test {
 protected:
  void Take(uint64_t number, const std::string& origin = "a") {
    sequencer_.Take(origin, number,
                    std::make_shared<Event>(Event{.id = EventId(number),
                                                  .kind = EventKind::kInteraction,
                                                  .author = {},
                                                  .payload = origin + std::to_string(number),
                                                  .touched = {}}),
                    now_us_);
  }

  static constexpr int64_t kPatienceUs = 1'000'000;

  int64_t now_us_ = 1;
  std::vector<std::string> heard_;
  Sequencer sequencer_{[this](auto event) { heard_.push_back(event->payload); },
                       [this](const char*) { heard_.push_back("gap"); }, kPatienceUs};
};

TEST_F(SequencerTest, YoungerOnesWaitForWhatIsMissing) {
  Take(1);
  Take(4);
  Take(3);
  Take(1, "b");
  EXPECT_THAT(heard_, ElementsAre("a1", "b1"));
  Take(2);
  EXPECT_THAT(heard_, ElementsAre("a1", "b1", "a2", "a3", "a4"));
  Take(5);
  EXPECT_EQ(heard_.back(), "a5");
}

TEST_F(SequencerTest, WhatHasNoNumberIsDeliveredAsItComes) {
  for (uint64_t number : {0, 1, 0, 3, 0}) Take(number);
  EXPECT_THAT(heard_, ElementsAre("a0", "a1", "a0", "a0"));
}

TEST_F(SequencerTest, DoublesAreDropped) {
  for (uint64_t number : {1, 1, 2, 4, 4, 3, 4, 1}) Take(number);
  EXPECT_THAT(heard_, ElementsAre("a1", "a2", "a3", "a4"));
}

TEST_F(SequencerTest, WhatNeverComesIsAGap) {
  Take(1);
  Take(3);
  Take(5);
  now_us_ += kPatienceUs;
  sequencer_.GiveUpOld(now_us_);
  EXPECT_THAT(heard_, ElementsAre("a1"));
  sequencer_.GiveUpOld(++now_us_);
  EXPECT_THAT(heard_, ElementsAre("a1", "gap", "a3"));
  Take(4);
  EXPECT_THAT(heard_, ElementsAre("a1", "gap", "a3", "a4", "a5"));
  now_us_ += 2 * kPatienceUs;
  sequencer_.GiveUpOld(now_us_);
  EXPECT_EQ(heard_.size(), 5u);
}

TEST_F(SequencerTest, NoMoreThanTheLimitWaits) {
  Take(1);
  for (uint64_t i = 0; i <= limits::kSequenceHeldMax; ++i) Take(3 + i);
  EXPECT_EQ(heard_.size(), 2 + limits::kSequenceHeldMax + 1);
  EXPECT_EQ(heard_[1], "gap");
}

TEST_F(SequencerTest, ASenderMetInTheMiddleBeginsThereAndLosesNothing) {
  Take(7);
  Take(6);
  Take(8);
  EXPECT_THAT(heard_, ElementsAre("a7", "a6", "a8"));
}

TEST_F(SequencerTest, OneThatCouldNotBeSentIsAGapInItsPlace) {
  Take(1);
  Take(3);
  sequencer_.Take("a", 2, nullptr, now_us_);
  EXPECT_THAT(heard_, ElementsAre("a1", "gap", "a3"));
}

TEST_F(SequencerTest, AfterAnotherPlaceNothingIsWaitedFor) {
  Take(1);
  Take(3);
  sequencer_.Clear();
  Take(9);
  EXPECT_THAT(heard_, ElementsAre("a1", "a9"));
}

}  // namespace
}  // namespace stampede::events::nats
