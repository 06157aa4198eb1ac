#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "store/store.h"

namespace stampede::store {

// Is told every row of a partition, table after table, in the order of the keys.
class RowVisitor {
 public:
  virtual ~RowVisitor() = default;
  virtual void BeginTable(const Table& table) = 0;  // for tables without rows, too
  virtual void OnRow(Row&& row) = 0;
  virtual void EndTable() = 0;
};

// The tables whose rows are data: all but those in which a copy keeps its own state.
const std::vector<const Table*>& DataTables();

// Reads the partition in pages: one round trip, and one more per page of a table that has more. Rows
// that are written meanwhile may be seen or not.
void VisitPartition(Store& store, Partition partition, RowVisitor& visitor);

// True if no data table has a row in the partition. One round trip.
bool IsEmpty(Store& store, Partition partition);

// How far a walk over all partitions is; written by its threads, read by whoever shows it.
struct WalkProgress {
  std::atomic<uint64_t> partitions = 0;
  std::atomic<uint64_t> rows = 0;
  std::atomic<uint64_t> bytes = 0;
};

// Calls `work(first, end, stop)` on `threads` threads, each with its own slice of the partitions.
// `stop` becomes true when another one failed; the first exception is thrown again here.
using SliceWork = std::function<void(unsigned first, unsigned end, const std::atomic<bool>& stop)>;
void WalkPartitions(unsigned threads, const SliceWork& work);

}  // namespace stampede::store
