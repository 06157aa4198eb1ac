#include "features/feeds/rings.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace stampede::feeds {

namespace {

// Has the whole pages of this range put into memory at once, which a page at a time, when it is first
// written, costs a fault each: under a hypervisor more than the seven entries of dozens of blocks.
// Where the system cannot (before Linux 5.14), that is what happens.
void Populate(void* begin, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t first = reinterpret_cast<uintptr_t>(begin) / page * page;
  uintptr_t last = (reinterpret_cast<uintptr_t>(begin) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE);
#endif
}

}  // namespace

// --- Rings ---

void FeedRings::Open(Slot slot) {
  // Not zeroed: a page that no ring was in yet is not in memory either.
  while (slot / kHeadsPerChunk >= chunks_.size())
    chunks_.push_back(std::make_unique_for_overwrite<HeadChunk>());
  HeadOf(slot) = Head{.block = kNone, .blocks = 0, .used = 0, .open = true, .words = {}};
  FloorOf(slot) = 0;
  ++open_;
}

void FeedRings::Close(Slot slot) {
  Head& head = HeadOf(slot);
  if (head.blocks > 0) {
    Index newest = NewestOf(head);
    BlockAt(OldestOf(head)).older = free_;
    free_ = newest;
    blocks_used_ -= head.blocks;
  }
  head = Head{.block = kNone, .blocks = 0, .used = 0, .open = false, .words = {}};
  --open_;
}

bool FeedRings::Insert(Slot slot, FeedEntry entry) {
  Head& head = HeadOf(slot);
  if (!head.open) return false;
  size_t place = head.used;  // from the newest end: new entries mostly belong there
  while (place > 0 && IdOf(head.words[place - 1]) > entry.id)
    place -= WidthOf(head.words[place - 1]);
  if (place > 0 && IdOf(head.words[place - 1]) == entry.id) return false;
  if (place == head.used) {
    Append(head, entry);
    return true;
  }
  if (place > 0 && head.used + WidthOf(entry) <= kWords) {
    Put(head, place, entry);
    return true;
  }
  if (entry.id <= floor(slot)) return false;
  std::vector<FeedEntry> newer = TakeNewerThan(slot, head, entry.id);
  bool is_new = head.used == 0 || IdOf(head.words[head.used - 1u]) != entry.id;
  if (is_new) Append(head, entry);
  Restore(head, newer);
  return is_new;
}

inline void FeedRings::FetchHead(Slot slot) const { __builtin_prefetch(&HeadOf(slot), 1); }

inline void FeedRings::FetchBlock(Slot slot) const {
  const Head& head = HeadOf(slot);
  if (head.used == kWords && head.blocks > 0) __builtin_prefetch(&BlockAt(head.block), 1);
}

size_t FeedRings::InsertAll(std::span<const Slot> slots, FeedEntry entry) {
  // Every ring is a cache miss, and one time out of seven a block is another; asked for ahead of time
  // they overlap.
  constexpr size_t kHeadAhead = 32, kBlockAhead = 16;
  size_t inserted = 0;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (i + kHeadAhead < slots.size()) FetchHead(slots[i + kHeadAhead]);
    if (i + kBlockAhead < slots.size()) FetchBlock(slots[i + kBlockAhead]);
    inserted += Insert(slots[i], entry);
  }
  return inserted;
}

void FeedRings::Remove(Slot slot, uint64_t id) {
  Head& head = HeadOf(slot);
  if (!head.open || id <= floor(slot)) return;
  std::vector<FeedEntry> newer = TakeNewerThan(slot, head, id);
  if (head.used > 0 && IdOf(head.words[head.used - 1u]) == id) TakeNewest(slot, head);
  Restore(head, newer);
}

void FeedRings::RaiseFloor(Slot slot, uint64_t id) { FloorOf(slot) = std::max(FloorOf(slot), id); }

// What a full ring has let go of is older than what it still has, and is not noted elsewhere.
uint64_t FeedRings::floor(Slot slot) const {
  const Head& head = HeadOf(slot);
  if (!IsFull(head)) return FloorOf(slot);
  return std::max(FloorOf(slot), OldestIdOf(BlockAt(head.block).words) - 1);
}

void FeedRings::Read(Slot slot, const store::IdBounds& bounds, size_t limit, bool upwards,
                     std::vector<FeedEntry>& out) const {
  const Head& head = HeadOf(slot);
  size_t begin = out.size();
  size_t most = upwards ? SIZE_MAX : limit;  // upwards, which come first is known at the end
  uint64_t lower = std::max(bounds.lower, floor(slot));
  // False when there is no need to read on.
  auto read = [&](const Words& words, size_t used) {
    while (used > 0) {
      FeedEntry entry = EntryAt(words, used - 1);
      if (entry.id <= lower || out.size() - begin == most) return false;
      if (entry.id < bounds.upper) out.push_back(entry);
      used -= WidthOf(entry);
    }
    return true;
  };
  if (head.open && read(head.words, head.used) && head.blocks > 0) {
    Index index = NewestOf(head);
    for (size_t n = 0; n < head.blocks; ++n, index = BlockAt(index).older) {
      const Words& words = BlockAt(index).words;
      if (!read(words, UsedOf(words))) break;
    }
  }
  if (!upwards) return;
  std::reverse(out.begin() + static_cast<ptrdiff_t>(begin), out.end());
  if (out.size() - begin > limit) out.resize(begin + limit);
}

// --- Entries ---

FeedEntry FeedRings::EntryAt(const Words& words, size_t id_index) {
  uint64_t id = IdOf(words[id_index]);
  return {.id = id, .original = words[id_index] & kBoost ? words[id_index - 1] : id};
}

size_t FeedRings::UsedOf(const Words& words) {
  size_t used = kWords;
  while (words[used - 1] == 0) --used;
  return used;
}

uint64_t FeedRings::OldestIdOf(const Words& words) {
  return words[1] & kBoost ? IdOf(words[1]) : words[0];
}

void FeedRings::Put(Head& head, size_t place, FeedEntry entry) {
  size_t width = WidthOf(entry);
  auto at = head.words.begin() + static_cast<ptrdiff_t>(place);
  std::copy_backward(at, head.words.begin() + head.used, head.words.begin() + head.used + width);
  if (width == 2) *at++ = entry.original;
  *at = width == 2 ? entry.id | kBoost : entry.id;
  head.used = static_cast<uint8_t>(head.used + width);
}

void FeedRings::Append(Head& head, FeedEntry entry) {
  if (head.used + WidthOf(entry) > kWords) Spill(head);
  Put(head, head.used, entry);
}

FeedEntry FeedRings::TakeNewest(Slot slot, Head& head) {
  FeedEntry newest = EntryAt(head.words, head.used - 1u);
  head.used = static_cast<uint8_t>(head.used - WidthOf(newest));
  if (head.used == 0 && head.blocks > 0) Unspill(slot, head);
  return newest;
}

std::vector<FeedEntry> FeedRings::TakeNewerThan(Slot slot, Head& head, uint64_t id) {
  std::vector<FeedEntry> newer;
  while (head.used > 0 && IdOf(head.words[head.used - 1u]) > id)
    newer.push_back(TakeNewest(slot, head));
  return newer;
}

void FeedRings::Restore(Head& head, const std::vector<FeedEntry>& newer) {
  for (auto it = newer.rbegin(); it != newer.rend(); ++it) Append(head, *it);
}

// --- Blocks ---

// The head's words become the newest block. A full ring turns by one: the links stay as they are.
void FeedRings::Spill(Head& head) {
  const bool full = IsFull(head);
  const Index index = full ? head.block : NewBlock();
  Block& block = BlockAt(index);
  block.words = head.words;
  std::fill(block.words.begin() + head.used, block.words.end(), 0);
  head.used = 0;
  if (full) {
    head.block = block.newer;
    return;
  }
  Index oldest = index;
  if (head.blocks > 0) oldest = std::exchange(BlockAt(head.block).newer, index);
  block.newer = oldest;
  block.older = std::exchange(head.block, index);
  ++head.blocks;
  if (!IsFull(head)) return;
  BlockAt(oldest).older = index;
  head.block = oldest;
}

// The newest block's words come back to the head, which is empty.
void FeedRings::Unspill(Slot slot, Head& head) {
  RaiseFloor(slot, floor(slot));  // a ring that is no longer full cannot tell it
  const Index index = NewestOf(head);
  Block& block = BlockAt(index);
  head.words = block.words;
  head.used = static_cast<uint8_t>(UsedOf(block.words));
  head.block = block.older;
  if (--head.blocks > 0) BlockAt(head.block).newer = block.newer;
  block.older = std::exchange(free_, index);
  --blocks_used_;
}

FeedRings::Index FeedRings::NewBlock() {
  ++blocks_used_;
  if (free_ != kNone) return std::exchange(free_, BlockAt(free_).older);
  if (blocks_made_ % kBlocksPerChunk == 0)
    block_chunks_.push_back(std::make_unique_for_overwrite<Block[]>(kBlocksPerChunk));
  if (blocks_made_ % kBlocksPerStep == 0)
    Populate(&BlockAt(blocks_made_), kBlocksPerStep * sizeof(Block));
  // Those of the next spills: one after the other in memory, and too far apart in time for the
  // processor to see it.
  Index soon = blocks_made_ + kBlocksAhead;
  if (soon % kBlocksPerStep >= kBlocksAhead) __builtin_prefetch(&BlockAt(soon), 1);
  return blocks_made_++;
}

}  // namespace stampede::feeds
