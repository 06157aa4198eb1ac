#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stampede::bench {

// Values below 2^kSubBits have a bucket each; above, the highest kSubBits bits after the leading
// one choose it.
size_t Histogram::BucketOf(uint64_t value) {
  value = std::min(value, (uint64_t{1} << kValueBits) - 1);
  if (value < (1u << kSubBits)) return value;
  unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return ((shift + 1) << kSubBits) + ((value >> shift) & ((1u << kSubBits) - 1));
}

uint64_t Histogram::UpperEndOf(size_t bucket) {
  if (bucket < (1u << kSubBits)) return bucket;
  size_t shift = (bucket >> kSubBits) - 1;
  uint64_t leading = (uint64_t{1} << kSubBits) | (bucket & ((1u << kSubBits) - 1));
  return ((leading + 1) << shift) - 1;
}

void Histogram::Record(uint64_t value) {
  ++counts_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  auto rank = static_cast<uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100));
  rank = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(UpperEndOf(i), max_);
  }
  return max_;
}

}  // namespace stampede::bench
