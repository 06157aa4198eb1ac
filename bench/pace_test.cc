#include "bench/pace.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/clock.h"

namespace stampede::bench {
namespace {

// A sample each millisecond from 0 on, of as many nanoseconds as `took`.
std::vector<SlowTimes::Sample> Samples(const std::vector<int64_t>& took) {
  std::vector<SlowTimes::Sample> samples;
  for (size_t i = 0; i < took.size(); ++i) {
    samples.push_back({.at_us = static_cast<int64_t>(i) * 1'000, .took_ns = took[i]});
  }
  return samples;
}

TEST(SlowTimes, NothingIsSlowAtAnEvenPace) {
  SlowTimes times({Samples({10, 11, 9, 20, 10, 10})});
  EXPECT_EQ(times.share(), 0);
  EXPECT_EQ(times.longest_us(), 0);
  EXPECT_FALSE(times.Delays(3'000));
}

TEST(SlowTimes, WhatPiledUpAtHalfLoadIsWorkedOffWithTheOtherHalf) {
  // Nearly no speed from 2 to 4 ms: 1 ms of work piles up, which half of the speed works off by 6 ms.
  SlowTimes times({Samples({10, 10, 10, 90'000, 90'000, 10, 10, 10, 10, 10, 10})});
  EXPECT_DOUBLE_EQ(times.share(), 0.2);
  EXPECT_DOUBLE_EQ(times.delayed_share(), 0.4);
  EXPECT_EQ(times.longest_us(), 2'000);
  EXPECT_FALSE(times.Delays(1'999));
  EXPECT_TRUE(times.Delays(2'000));
  EXPECT_TRUE(times.Delays(5'999));
  EXPECT_FALSE(times.Delays(6'001));
}

TEST(SlowTimes, ItTakesLongerWhileTheMachineIsNotYetAtItsFullSpeed) {
  // At 1.5 times the duration, a sixth of the speed is left for it.
  SlowTimes times({Samples({10, 10, 90'000, 15, 15, 10, 10, 10, 10, 10, 10})});
  EXPECT_TRUE(times.Delays(4'999));
  EXPECT_FALSE(times.Delays(5'001));
}

TEST(SlowTimes, ASlowTimeBeforeTheLastIsWorkedOffAddsToIt) {
  // 1 ms of work at 3 ms, half of which is left at 4 ms; 1 ms at 5 ms.
  SlowTimes times({Samples({10, 90'000, 90'000, 90'000, 10, 90'000, 10, 10, 10, 10, 10, 10, 10})});
  EXPECT_TRUE(times.Delays(7'500));
  EXPECT_FALSE(times.Delays(8'501));
}

TEST(SlowTimes, WhatOneProcessorCannotDoTheOtherDoes) {
  SlowTimes times({Samples({10, 10, 10, 10, 10}), Samples({30, 30, 30, 90, 30}), {}});
  EXPECT_DOUBLE_EQ(times.share(), 0);
  EXPECT_FALSE(times.Delays(2'500));
}

TEST(SlowTimes, WithoutSamplesNothingIsKnown) {
  EXPECT_EQ(SlowTimes().share(), 0);
  EXPECT_EQ(SlowTimes({{}, {}}).share(), 0);
  EXPECT_FALSE(SlowTimes({{}, {}}).Delays(1));
}

TEST(Pace, WatchesFromItsBeginningToItsStop) {
  SystemClock clock;
  const int64_t begin_us = clock.MonotonicUs();
  Pace pace;
  while (clock.MonotonicUs() < begin_us + 100'000) std::this_thread::yield();
  SlowTimes times = pace.Stop();
  EXPECT_GT(times.watched_us(), 0);
  EXPECT_LE(times.watched_us(), clock.MonotonicUs() - begin_us);
  EXPECT_LE(times.longest_us(), times.watched_us());
}

}  // namespace
}  // namespace stampede::bench
