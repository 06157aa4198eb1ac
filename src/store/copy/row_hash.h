#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stampede::store {

// A checksum over rows in the order they are added. It depends on the rows alone, not on how they
// were read, so two engines that hold the same rows agree. Not thread-safe. About 0.4 GB/s.
class RowHasher {
 public:
  void Add(std::string_view key, std::string_view value);
  // 16 bytes: half of a SHA-256, more than enough to tell that rows differ. Starts anew.
  std::string Finish();

 private:
  void AddLength(size_t length);
  void AddBytes(std::string_view bytes);

  std::string state_;
  std::string buffer_;
};

// What is compared of a partition.
struct PartitionSum {
  uint64_t rows = 0;
  uint64_t bytes = 0;    // of keys and values
  std::string checksum;  // of RowHasher; empty when there are no rows
  bool operator==(const PartitionSum&) const = default;
};

// Gathers a PartitionSum.
class PartitionSummer {
 public:
  void Add(std::string_view key, std::string_view value) {
    ++sum_.rows;
    sum_.bytes += key.size() + value.size();
    hasher_.Add(key, value);
  }
  PartitionSum Finish() {
    if (sum_.rows > 0) sum_.checksum = hasher_.Finish();
    return sum_;
  }

 private:
  PartitionSum sum_;
  RowHasher hasher_;
};

}  // namespace stampede::store
