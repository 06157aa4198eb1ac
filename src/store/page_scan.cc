#include "store/page_scan.h"

#include "base/check.h"

namespace stampede::store {

namespace {

void AppendBigEndian(std::string& key, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(value >> shift);
}

}  // namespace

ScanRequest PageScan(const KeyRange& index, const IdBounds& bounds, size_t limit, bool upwards) {
  // Complemented, the newest id is the first key: ids below `upper` start right after its own key.
  ScanRequest scan{.range = index,
                   .limit = limit,
                   .direction = upwards ? Direction::kBackward : Direction::kForward};
  if (bounds.upper != UINT64_MAX) {
    scan.range.begin = index.begin;
    AppendBigEndian(scan.range.begin, ~bounds.upper + 1);
  }
  if (bounds.lower != 0) {
    scan.range.end = index.begin;
    AppendBigEndian(scan.range.end, ~bounds.lower);
  }
  if (bounds.upper == 0 || scan.range.begin > scan.range.end) scan.range.end = scan.range.begin;
  return scan;
}

uint64_t IdOfIndexKey(std::string_view key) {
  STAMPEDE_CHECK(key.size() >= 8);
  uint64_t complement = 0;
  for (char c : key.substr(key.size() - 8)) {
    complement = (complement << 8) | static_cast<unsigned char>(c);
  }
  return ~complement;
}

}  // namespace stampede::store
