#include "features/feeds/ring.h"

namespace stampede::feeds {

bool FeedRing::Insert(FeedEntry entry) {
  if (entry.id <= floor_) return false;
  size_t position = size_;  // from the newest end: new entries mostly belong there
  while (position > 0 && At(position - 1).id > entry.id) --position;
  if (position > 0 && At(position - 1).id == entry.id) return false;
  if (size_ == limits::kFeedEntriesMax) {
    if (position == 0) {
      RaiseFloor(entry.id);
      return false;
    }
    DropOldest(1);
    --position;
  }
  if (size_ == capacity_) Grow();
  ++size_;
  for (size_t n = size_ - 1; n > position; --n) At(n) = At(n - 1);
  At(position) = entry;
  return true;
}

void FeedRing::Remove(uint64_t id) {
  size_t position = CountUpTo(id);
  if (position == 0 || At(position - 1).id != id) return;
  for (size_t n = position; n < size_; ++n) At(n - 1) = At(n);
  --size_;
}

void FeedRing::RaiseFloor(uint64_t id) {
  if (id <= floor_) return;
  floor_ = id;
  DropOldest(CountUpTo(id));
}

void FeedRing::Read(const store::IdBounds& bounds, size_t limit, bool upwards,
                    std::vector<FeedEntry>& out) const {
  size_t begin = CountUpTo(bounds.lower);
  size_t end = bounds.upper == 0 ? 0 : CountUpTo(bounds.upper - 1);
  if (end <= begin) return;
  size_t count = std::min(limit, end - begin);
  for (size_t i = 0; i < count; ++i) out.push_back(At(upwards ? begin + i : end - 1 - i));
}

void FeedRing::DropOldest(size_t count) {
  if (count == 0) return;
  floor_ = std::max(floor_, At(count - 1).id);
  first_ = static_cast<uint16_t>((first_ + count) % capacity_);
  size_ = static_cast<uint16_t>(size_ - count);
}

void FeedRing::Grow() {
  // By half, so that a reader's memory stays close to what it holds.
  size_t capacity =
      std::min(limits::kFeedEntriesMax, std::max<size_t>(16, capacity_ + capacity_ / 2u));
  auto entries = std::make_unique_for_overwrite<FeedEntry[]>(capacity);
  for (size_t n = 0; n < size_; ++n) entries[n] = At(n);
  entries_ = std::move(entries);
  capacity_ = static_cast<uint16_t>(capacity);
  first_ = 0;
}

size_t FeedRing::CountUpTo(uint64_t id) const {
  size_t low = 0, high = size_;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (At(middle).id <= id)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace stampede::feeds
