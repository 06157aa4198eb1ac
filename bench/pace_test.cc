#include "bench/pace.h"

#include <gtest/gtest.h>

#include <vector>

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
  SlowTimes times({Samples({10, 11, 9, 20, 10})});
  EXPECT_EQ(times.share(), 0);
  EXPECT_EQ(times.longest_us(), 0);
  EXPECT_FALSE(times.Delays(3'000));
}

TEST(SlowTimes, WhatQueuedUpIsWorkedOffInAsLongAgain) {
  // From 2 to 4 ms.
  SlowTimes times({Samples({10, 10, 10, 21, 90, 10, 10, 10, 10, 10, 10})});
  EXPECT_DOUBLE_EQ(times.share(), 0.2);
  EXPECT_DOUBLE_EQ(times.delayed_share(), 0.4);
  EXPECT_EQ(times.longest_us(), 2'000);
  EXPECT_FALSE(times.Delays(1'999));
  EXPECT_TRUE(times.Delays(2'000));
  EXPECT_TRUE(times.Delays(5'999));
  EXPECT_FALSE(times.Delays(6'001));
}

TEST(SlowTimes, ASlowTimeBeforeTheLastIsWorkedOffAddsToIt) {
  // From 1 to 3 ms, of which 1 ms is left at 4 ms; from 4 to 5 ms.
  SlowTimes times({Samples({10, 10, 90, 90, 10, 90, 10, 10, 10, 10, 10, 10, 10})});
  EXPECT_TRUE(times.Delays(6'999));
  EXPECT_FALSE(times.Delays(7'001));
}

TEST(SlowTimes, OneSlowProcessorIsASlowMachine) {
  SlowTimes times({Samples({10, 10, 10, 10, 10}), Samples({30, 30, 30, 70, 30}), {}});
  EXPECT_DOUBLE_EQ(times.share(), 0.25);
  EXPECT_TRUE(times.Delays(2'500));
}

TEST(SlowTimes, WithoutSamplesNothingIsKnown) {
  EXPECT_EQ(SlowTimes().share(), 0);
  EXPECT_EQ(SlowTimes({{}, {}}).share(), 0);
  EXPECT_FALSE(SlowTimes({{}, {}}).Delays(1));
}

TEST(Pace, WatchesUntilItIsStopped) {
  Pace pace;
  SlowTimes times = pace.Stop();
  EXPECT_GE(times.share(), 0);
  EXPECT_LE(times.share(), 1);
}

}  // namespace
}  // namespace stampede::bench
