#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

// What a copy keeps in its target while it is under way, so that it can be resumed by anybody who
// has the target, and so that no server starts on half of the data. Gone when the copy is done.
//
// | table       | byte | partition       | key fields                | value                       |
// | copy_marker | 0xee | 0               | none                      | name of the source          |
// | copy_block  | 0xef | that of its rows| table byte, rest of the   | checksum of the block's rows|
// |             |      |                 | first key of the block    |                             |
// | copy_block  | 0xef | that of its rows| byte 0                    | empty: the partition is     |
// |             |      |                 |                           | whole, and nothing is in it |
// |             |      |                 |                           | outside of its blocks       |
//
// A block reaches from its first key to the next block of its table, or to the table's end.
namespace stampede::store {

// Whether it is one of the tables above, whose rows are no data.
bool IsCopyTable(const Table& table);

// The source named by the marker; nullopt when the store is no half-done copy.
std::optional<std::string> HalfCopiedFrom(Store& store);
// For everybody who wants to work on a store: throws Error(kUnavailable) when it is a half-done copy.
void RefuseHalfCopied(Store& store);

std::string MarkerKey();

// `start` is the first key of a block, at most kBlockStartBytesMax long.
std::string BlockKey(std::string_view start);
inline constexpr size_t kBlockStartBytesMax = limits::kKeyBytesMax - 1;
// The row that says that the partition is whole.
std::string WholeKey(Partition partition);
KeyRange BlockRange(Partition partition);

struct Block {
  std::string start;
  std::string checksum;
};
// What is known of the target's rows of one partition.
struct PartitionState {
  bool whole = false;
  std::map<uint8_t, std::vector<Block>> blocks;  // by table byte, in the order of their keys
};
PartitionState LoadState(Store& store, Partition partition);

}  // namespace stampede::store
