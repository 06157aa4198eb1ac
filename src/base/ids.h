#pragma once

#include <atomic>
#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace stampede {

// One of the 4,096 logical partitions of the store. All records of an account share its partition.
enum class Partition : uint16_t {};
inline constexpr unsigned kPartitionBits = 12;
inline constexpr unsigned kPartitionCount = 1u << kPartitionBits;
inline constexpr unsigned kSequenceBits = 4;

// The partition of something that is found by a string (a username, a token): a stable hash of it.
Partition PartitionOf(std::string_view name);

// A 64-bit id, distinct per kind of thing: 48 bits of Unix milliseconds, 12 bits of partition and
// 4 bits of sequence, so ids sort by time and an id alone finds its partition. Zero means "none".
// On the wire: a decimal string.
template <class Tag>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(uint64_t value) : value_(value) {}
  static constexpr StrongId Make(int64_t time_ms, Partition partition, unsigned sequence) {
    return StrongId((static_cast<uint64_t>(time_ms) << (kPartitionBits + kSequenceBits)) |
                    (static_cast<uint64_t>(partition) << kSequenceBits) |
                    (sequence & ((1u << kSequenceBits) - 1)));
  }
  static constexpr StrongId Max() { return StrongId(UINT64_MAX); }
  // nullopt unless the text is a plain decimal number that fits 64 bits.
  static std::optional<StrongId> Parse(std::string_view text) {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return StrongId(value);
  }

  constexpr uint64_t value() const { return value_; }
  constexpr int64_t time_ms() const {
    return static_cast<int64_t>(value_ >> (kPartitionBits + kSequenceBits));
  }
  constexpr Partition partition() const {
    return static_cast<Partition>((value_ >> kSequenceBits) & (kPartitionCount - 1));
  }
  std::string ToString() const { return std::to_string(value_); }
  constexpr explicit operator bool() const { return value_ != 0; }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  uint64_t value_ = 0;
};

using AccountId = StrongId<struct AccountTag>;
using StatusId = StrongId<struct StatusTag>;
using AppId = StrongId<struct AppTag>;
using TokenId = StrongId<struct TokenTag>;
using NotificationId = StrongId<struct NotificationTag>;
// The id of a relation row (follow, block, favourite …): what pages of relations are ordered by.
using RelationId = StrongId<struct RelationTag>;
using JobId = StrongId<struct JobTag>;
using EventId = StrongId<struct EventTag>;
using MediaId = StrongId<struct MediaTag>;

// Draws ids. Thread-safe. Ids drawn by one generator for one partition never repeat and never go
// back, even when the clock does; two processes may draw the same id, so a batch that creates a
// record expects its key to be absent and draws again.
class IdGenerator {
 public:
  IdGenerator(Clock& clock, Random& random) : clock_(clock), random_(random) {}

  template <class Id>
  Id Next(Partition partition) {
    return Id(NextValue(partition));
  }
  // For something that happened at `time_ms` (a remote status): never later than now.
  template <class Id>
  Id At(Partition partition, int64_t time_ms) {
    return Id::Make(std::min(time_ms, clock_.NowMs()), partition,
                    random_.Below(1u << kSequenceBits));
  }
  // A partition for a new account: uniformly random.
  Partition RandomPartition() { return static_cast<Partition>(random_.Below(kPartitionCount)); }

 private:
  uint64_t NextValue(Partition partition);

  Clock& clock_;
  Random& random_;
  // Last (milliseconds << kSequenceBits | sequence) drawn, over all partitions hashed to the slot.
  static constexpr size_t kSlots = 256;
  std::atomic<uint64_t> last_[kSlots] = {};
};

}  // namespace stampede

template <class Tag>
struct std::hash<stampede::StrongId<Tag>> {
  size_t operator()(stampede::StrongId<Tag> id) const noexcept {
    uint64_t x = id.value() * 0x9E3779B97F4A7C15u;  // Fibonacci hashing: ids differ in middle bits
    return x ^ (x >> 32);
  }
};
