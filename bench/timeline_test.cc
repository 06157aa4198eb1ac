#include "bench/timeline.h"

#include <gtest/gtest.h>

namespace stampede::bench {
namespace {

class TimelineTest : public ::testing::Test {
 protected:
  TimelineTest() { world_.graph().Follows(kReader, followed_); }

  // By the nth of those whom the reader follows.
  void Post(size_t nth, uint64_t id, uint64_t original = 0, int64_t acked_us = 0) {
    expected_.Add(followed_[nth], {id, original == 0 ? id : original, acked_us});
  }
  std::string Check(std::vector<uint64_t> page, size_t limit = 40,
                    int64_t asked_us = 2 * PageChecker::kGraceUs) {
    std::vector<StatusId> ids;
    for (uint64_t id : page) ids.emplace_back(id);
    return checker_.Check(kReader, ids, limit, asked_us);
  }

  static constexpr uint32_t kReader = 17;
  const GraphWorld world_{
      {.graph = {.seed = 3, .accounts = 200, .follows = 10, .fan_out = 20}, .posts = 0},
      1'700'000'000'000};
  std::vector<uint32_t> followed_;
  ExpectedTimelines expected_{world_};
  PageChecker checker_{expected_, 1'000};
};

TEST_F(TimelineTest, AHomeHasThePostsOfThoseWhoAreFollowedNewestFirst) {
  Post(3, 1'030);
  Post(1, 1'010);
  Post(2, 1'020);
  expected_.Add(kReader, {1'015, 1'015, 0});
  uint32_t stranger = 0;
  while (stranger == kReader || std::ranges::count(followed_, stranger)) ++stranger;
  expected_.Add(stranger, {1'040, 1'040, 0});
  EXPECT_EQ(expected_.Home(kReader), (std::vector<uint64_t>{1'030, 1'020, 1'015, 1'010}));
  EXPECT_EQ(expected_.entries(), 5u);
}

TEST_F(TimelineTest, ABoostIsLeftOutWhileAnEntryBeforeItShowsTheSame) {
  Post(1, 1'010);
  Post(2, 1'020, 1'010);
  Post(3, 1'030, 999);
  Post(4, 1'040, 999);
  EXPECT_EQ(expected_.Home(kReader), (std::vector<uint64_t>{1'030, 1'010}));
  EXPECT_FALSE(expected_.Add(followed_[4], {1'040, 999, 0})) << "a boost is known once";
  EXPECT_EQ(expected_.entries(), 4u);
}

TEST_F(TimelineTest, APageThatLacksAnAcknowledgedPostIsWrong) {
  Post(1, 1'010);
  Post(2, 1'020);
  Post(3, 1'030);
  EXPECT_EQ(Check({1'030, 1'020, 1'010, 900}), "");
  EXPECT_NE(Check({1'030, 1'010, 900}), "");
  EXPECT_NE(Check({1'030, 1'020}), "") << "a short page is the whole home";
  EXPECT_EQ(Check({1'030, 1'020}, 2), "") << "a full page ends where it ends";
  EXPECT_NE(Check({1'020, 1'030, 1'010}), "");
  EXPECT_EQ(Check({1'030, 1'010}, 40, PageChecker::kGraceUs - 1), "") << "it may still be coming";
}

TEST_F(TimelineTest, WhatAPageShowsMustBeAcknowledgedInTheEnd) {
  EXPECT_EQ(Check({1'050, 990}), "");
  EXPECT_NE(checker_.CheckRest(), "");
  Post(5, 1'050);
  EXPECT_EQ(checker_.CheckRest(), "");
}

}  // namespace
}  // namespace stampede::bench
