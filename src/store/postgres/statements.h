#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stampede::store::postgres {

// Every statement that a connection prepares. Those of the second group exist once per table: `kv`
// holds what is read by key and in order, `kv_queue` what is written and erased soon
// (Access::kQueue), so that it can be vacuumed every few seconds without walking through the large
// table's index.
//
// SQL stays within what Citus routes by `part`: one partition per statement, except kGetMany.
enum class Statement : uint8_t {
  kBegin,
  kCommit,
  kRollback,
  kRelax,          // the commit need not wait for the disk
  kLane,           // part, lane, seq: notes the batch's number; fails if it was fenced off
  kFence,          // part, lane, seq: tells whether the batch is in, and keeps it out if it is not
  kSweepLanes,     // seq: forgets lanes that are idle since
  kShareErasures,  // see commit_plan.h
  kOwnErasures,

  kFirstOfTable,
  kExpectPresent = kFirstOfTable,  // part, key; shared lock
  kExpectPresentToWrite,           // part, key; exclusive lock
  kExpectEquals,                   // part, key, value
  kExpectEqualsToWrite,            // part, key, value
  kInsert,                         // part, key, value; fails if the key is present
  kUpsert,                         // part, key, value
  kAdd,                            // part, key, delta
  kLock,                           // part, key; also if absent: follow it with kErase
  kErase,                          // part, key
  kEraseMany,                      // part, keys
  kEraseRange,                     // part, begin, end
  kExpectErased,                   // part, keys
  kExpectEmpty,                    // part, begin, end
  kGet,                            // part, keys
  kGetMany,                        // parts, keys
  kScan,                           // part, begin, end, limit
  kScanBackward,                   // part, begin, end, limit

  kCount,
};

// An expectation failed, or a batch was fenced off: 1/0.
inline constexpr std::string_view kDivisionByZero = "22012";
inline constexpr std::string_view kUniqueViolation = "23505";
// A row appeared among what was erased: sqrt(-1). The transaction is tried again.
inline constexpr std::string_view kSquareRootOfNegative = "2201F";

enum class SqlTable : uint8_t { kKv, kQueue };

constexpr bool IsOfTable(Statement statement) { return statement >= Statement::kFirstOfTable; }

// The text to prepare, and the name it is prepared under. `table` counts only for those of a table.
std::string SqlOf(Statement statement, SqlTable table);
std::string NameOf(Statement statement, SqlTable table);

}  // namespace stampede::store::postgres
