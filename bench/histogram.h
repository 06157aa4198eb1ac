#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stampede::bench {

// Counts of values from 0 to 2^40 in buckets whose width grows with the value: every power of two
// is divided into 64, so what a percentile answers is at most 1.6 % too high. The idea is Gil
// Tene's HdrHistogram. Not thread-safe; Add together what several threads recorded. 18 KB.
class Histogram {
 public:
  void Record(uint64_t value);
  void Add(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  // The upper end of the bucket that holds the value with `percent` of all at or below it, but
  // never more than max(). 0 when nothing was recorded.
  uint64_t Percentile(double percent) const;

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr unsigned kValueBits = 40;
  static constexpr size_t kBuckets = (kValueBits - kSubBits + 1) << kSubBits;

  static size_t BucketOf(uint64_t value);
  static uint64_t UpperEndOf(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace stampede::bench
