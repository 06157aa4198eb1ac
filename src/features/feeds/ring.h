#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "store/page_scan.h"

namespace stampede::feeds {

// One delivery: a status and, of a boost, what it boosts (else the status itself).
struct FeedEntry {
  uint64_t id;  // no initialisers: a ring that grows does not write what it will fill anyway
  uint64_t original;

  bool is_boost() const { return id != original; }
  bool operator==(const FeedEntry&) const = default;
};
static_assert(sizeof(FeedEntry) == 16);

// One reader's newest entries: all that are newer than floor(), sorted by id, each once. Grows on
// demand up to limits::kFeedEntriesMax and then lets the oldest go. Not thread-safe. Inserting is
// one or two cache lines when entries come in the order of their ids, as they nearly always do;
// order and repetition do not matter for the result.
class FeedRing {
 public:
  FeedRing() = default;

  // False, and ignored, when the entry is there already, or is not newer than the floor.
  bool Insert(FeedEntry entry);
  void Remove(uint64_t id);
  // Brings the place that the next entry goes to into the cache, and the one beside it.
  void PrefetchNewest() const {
    if (size_ > 0) __builtin_prefetch(&At(size_ - 1u), 1);
  }
  // Everything up to `id` may be missing from now on.
  void RaiseFloor(uint64_t id);
  uint64_t floor() const { return floor_; }
  size_t size() const { return size_; }
  size_t capacity_bytes() const { return capacity_ * sizeof(FeedEntry); }

  // Appends the entries within the bounds to `out`, at most `limit`: newest first, or, `upwards`,
  // oldest first.
  void Read(const store::IdBounds& bounds, size_t limit, bool upwards,
            std::vector<FeedEntry>& out) const;

 private:
  // Entry `n` counted from the oldest.
  FeedEntry& At(size_t n) {
    size_t index = first_ + n;
    return entries_[index < capacity_ ? index : index - capacity_];
  }
  const FeedEntry& At(size_t n) const { return const_cast<FeedRing*>(this)->At(n); }
  void DropOldest(size_t count);
  void Grow();
  // How many entries have an id of at most `id`.
  size_t CountUpTo(uint64_t id) const;

  std::unique_ptr<FeedEntry[]> entries_;
  uint64_t floor_ = 0;
  uint16_t capacity_ = 0;
  uint16_t first_ = 0;  // index of the oldest entry
  uint16_t size_ = 0;
};
static_assert(limits::kFeedEntriesMax <= UINT16_MAX / 2);

}  // namespace stampede::feeds
