#include "bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace stampede::bench {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(99), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 50; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Percentile(50), 25u);
  EXPECT_EQ(histogram.Percentile(100), 50u);
  EXPECT_EQ(histogram.Percentile(0), 1u);
}

TEST(Histogram, PercentilesOfRandomValuesAreNeverTooLowAndAtMostTwoPercentTooHigh) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> values;
  Histogram odd, even;
  for (size_t i = 0; i < 20'000; ++i) {
    values.push_back(random() >> (24 + random() % 40));
    (i % 2 ? odd : even).Record(values.back());
  }
  odd.Add(even);
  std::ranges::sort(values);
  for (double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    auto rank = static_cast<size_t>(std::ceil(static_cast<double>(values.size()) * percent / 100));
    uint64_t exact = values[rank - 1];
    EXPECT_GE(odd.Percentile(percent), exact);
    EXPECT_LE(static_cast<double>(odd.Percentile(percent)), static_cast<double>(exact) * 1.016 + 1);
  }
}

TEST(Histogram, ValuesBeyondTheRangeAreCountedAtItsEnd) {
  Histogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.max(), UINT64_MAX);
  EXPECT_EQ(histogram.Percentile(50), (uint64_t{1} << 40) - 1);
}

}  // namespace
}  // namespace stampede::bench
