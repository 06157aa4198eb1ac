#include "store/rocksdb/table_ends.h"

#include "store/keyspace.h"

namespace stampede::store {
namespace {

// Partition and table as a number; see Key.
uint32_t NumberOf(std::string_view prefix) {
  uint32_t number = 0;
  for (char byte : prefix) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace

bool TableEnds::IsBehind(std::string_view key) {
  std::string_view prefix = key.substr(0, kTablePrefixBytes);
  auto [end, is_new] = ends_.try_emplace(NumberOf(prefix));
  if (is_new) {
    try {
      end->second = find_last_(prefix);
    } catch (...) {
      ends_.erase(end);
      throw;
    }
  }
  return key > end->second;
}

void TableEnds::Extend(std::string_view key) {
  auto end = ends_.find(NumberOf(key.substr(0, kTablePrefixBytes)));
  if (end != ends_.end() && key > end->second) end->second = key;
}

}  // namespace stampede::store
