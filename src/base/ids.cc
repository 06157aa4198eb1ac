#include "base/ids.h"

namespace stampede {

Partition PartitionOf(std::string_view name) {
  uint64_t hash =
      0xcbf29ce484222325u;  // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001b3u;
  return static_cast<Partition>((hash ^ (hash >> 32)) & (kPartitionCount - 1));
}

uint64_t IdGenerator::NextValue(Partition partition) {
  std::atomic<uint64_t>& last = last_[static_cast<size_t>(partition) % kSlots];
  uint64_t now = static_cast<uint64_t>(clock_.NowMs()) << kSequenceBits;
  uint64_t before = last.load(std::memory_order_relaxed);
  uint64_t drawn;
  do {
    drawn = std::max(now, before + 1);  // a full millisecond borrows from the next one
  } while (!last.compare_exchange_weak(before, drawn, std::memory_order_relaxed));
  constexpr uint64_t kSequenceMask = (1u << kSequenceBits) - 1;
  return ((drawn >> kSequenceBits) << (kPartitionBits + kSequenceBits)) |
         (static_cast<uint64_t>(partition) << kSequenceBits) | (drawn & kSequenceMask);
}

}  // namespace stampede
