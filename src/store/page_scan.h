#pragma once

#include <cstdint>
#include <string_view>

#include "store/store.h"

namespace stampede::store {

// Which ids of a newest-first index to read: those above `lower` and below `upper`, both exclusive.
struct IdBounds {
  uint64_t lower = 0;
  uint64_t upper = UINT64_MAX;
};

// The scan of one page of an index whose keys are `prefix` plus a complemented id (Key::Desc). Rows
// come newest first, or, with `upwards`, oldest first from the lower bound.
ScanRequest PageScan(const KeyRange& index, const IdBounds& bounds, size_t limit, bool upwards);

// The complemented id that closes an index key.
uint64_t IdOfIndexKey(std::string_view key);

}  // namespace stampede::store
