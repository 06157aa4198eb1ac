#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/limits.h"
#include "store/page_scan.h"

namespace stampede::feeds {

// One delivery: a status and, of a boost, what it boosts (else the status itself).
struct FeedEntry {
  uint64_t id;
  uint64_t original;

  bool is_boost() const { return id != original; }
  bool operator==(const FeedEntry&) const = default;
};

// The newest entries of many readers, of each all that are newer than its floor, sorted by id, each
// once. A ring has a slot, which the caller chooses, densely from 0. It grows on demand up to about
// `entries_max` statuses, or half as many boosts, and then lets the oldest go. Not thread-safe. The
// order and repetition of insertions do not matter for the result.
//
// Made for inserting into hundreds of rings at random: the newest up to seven words of a ring are in
// one cache line, its head, and the heads are side by side, so that a delivery is one cache miss.
// Six times out of seven that is all; then the words move to a block, a line of its own, taken
// from a pool, or, when the ring is full, over the oldest ones. Growing copies nothing and memory is
// used again at once: no allocator, few new pages.
//
// A status is one word, its id. A boost is two, the original and then its id with a bit set. Ids are
// below 2^63: Snowflake milliseconds reach there in the year 6429.
class FeedRings {
 public:
  using Slot = uint32_t;

  // `entries_max` is at least 7.
  explicit FeedRings(size_t entries_max = limits::kFeedEntriesMax)
      : blocks_max_(entries_max / kWords) {}

  // An empty ring in a slot that has none.
  void Open(Slot slot);
  // Its memory is for the others then, and what is inserted is ignored.
  void Close(Slot slot);

  // False, and ignored, when the entry is there already or the slot has no ring. What is not newer
  // than the floor is ignored or never read. The slot must have been open once.
  bool Insert(Slot slot, FeedEntry entry);
  // Into many, which is much quicker than one after the other. Returns how many did not have it.
  size_t InsertAll(std::span<const Slot> slots, FeedEntry entry);
  void Remove(Slot slot, uint64_t id);

  // Everything up to `id` may be missing from now on.
  void RaiseFloor(Slot slot, uint64_t id);
  uint64_t floor(Slot slot) const;
  // Appends the entries within the bounds and above the floor to `out`, at most `limit`: newest
  // first, or, `upwards`, oldest first.
  void Read(Slot slot, const store::IdBounds& bounds, size_t limit, bool upwards,
            std::vector<FeedEntry>& out) const;

  // What the open rings use.
  size_t bytes() const { return open_ * kSlotBytes + blocks_used_ * sizeof(Block); }

 private:
  using Index = uint32_t;  // of a block
  static constexpr size_t kWords = 7;
  static constexpr size_t kHeadsPerChunk = 4096, kBlocksPerChunk = 32 * 1024;
  static constexpr size_t kBlocksPerStep = 2048;  // brought into memory together: 128 KiB
  static constexpr Index kBlocksAhead = 8;
  static constexpr uint64_t kBoost = uint64_t{1} << 63;
  static constexpr Index kNone = UINT32_MAX;
  using Words = std::array<uint64_t, kWords>;

  // Empty only if the ring is: there is a block only behind words in the head.
  struct alignas(64) Head {
    Index block;      // the newest, or, of a full ring, the oldest: that which the next spill needs
    uint16_t blocks;  // how many
    uint8_t used;     // words, from the oldest
    bool open;
    Words words;
  };
  // Unused words are 0, at the end. A boost is never split between two.
  struct alignas(64) Block {
    Index older;  // of the oldest: the newest if the ring is full, else anything
    Index newer;  // of the newest: the oldest
    Words words;
  };
  static_assert(sizeof(Head) == 64 && sizeof(Block) == 64);

  struct HeadChunk {
    std::array<Head, kHeadsPerChunk> heads;
    std::array<uint64_t, kHeadsPerChunk> floors;
  };
  static constexpr size_t kSlotBytes = sizeof(Head) + sizeof(uint64_t);

  static uint64_t IdOf(uint64_t word) { return word & ~kBoost; }
  // Of the entry whose id is in this word.
  static size_t WidthOf(uint64_t id_word) { return id_word & kBoost ? 2 : 1; }
  static size_t WidthOf(FeedEntry entry) { return entry.is_boost() ? 2 : 1; }
  static FeedEntry EntryAt(const Words& words, size_t id_index);
  static size_t UsedOf(const Words& words);
  static uint64_t OldestIdOf(const Words& words);

  Head& HeadOf(Slot slot) const {
    return chunks_[slot / kHeadsPerChunk]->heads[slot % kHeadsPerChunk];
  }
  // As RaiseFloor left it; that of a full ring may be higher.
  uint64_t& FloorOf(Slot slot) const {
    return chunks_[slot / kHeadsPerChunk]->floors[slot % kHeadsPerChunk];
  }
  Block& BlockAt(Index index) const {
    return block_chunks_[index / kBlocksPerChunk][index % kBlocksPerChunk];
  }

  bool IsFull(const Head& head) const { return head.blocks == blocks_max_; }
  // Of a ring that has blocks.
  Index NewestOf(const Head& head) const {
    return IsFull(head) ? BlockAt(head.block).older : head.block;
  }
  Index OldestOf(const Head& head) const {
    return IsFull(head) ? head.block : BlockAt(head.block).newer;
  }

  // Bring what an insertion needs into the cache: one thing after the other, the second some
  // insertions later, because the head says where the block is.
  void FetchHead(Slot slot) const;
  void FetchBlock(Slot slot) const;

  static void Put(Head& head, size_t place, FeedEntry entry);
  void Append(Head& head, FeedEntry entry);
  FeedEntry TakeNewest(Slot slot, Head& head);
  // Takes out what is newer than `id`, newest first; Restore puts it back.
  std::vector<FeedEntry> TakeNewerThan(Slot slot, Head& head, uint64_t id);
  void Restore(Head& head, const std::vector<FeedEntry>& newer);
  void Spill(Head& head);
  void Unspill(Slot slot, Head& head);
  Index NewBlock();

  const size_t blocks_max_;  // of a ring
  std::vector<std::unique_ptr<HeadChunk>> chunks_;
  std::vector<std::unique_ptr<Block[]>> block_chunks_;
  Index blocks_made_ = 0;
  Index free_ = kNone;  // the first of a list linked by `older`
  size_t blocks_used_ = 0;
  size_t open_ = 0;
};

}  // namespace stampede::feeds
