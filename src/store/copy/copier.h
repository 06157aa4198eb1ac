#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/bulk_writer.h"
#include "store/copy/row_hash.h"
#include "store/copy/visit.h"

namespace stampede::store {

struct CopyOptions {
  unsigned threads = 4;
  // A block ends behind so many rows or bytes, whatever comes first.
  size_t block_rows = 1'000;
  size_t block_bytes = 1024 * 1024;
  // Makes writers for rows into partitions where nothing is yet; empty: they are committed.
  std::function<std::unique_ptr<BulkWriter>()> bulk;
  // A bulk writer is finished behind so many bytes: what a kill can cost.
  uint64_t bulk_bytes = 64 * 1024 * 1024;
};

struct CopyProgress : WalkProgress {  // rows and bytes: as read from the source
  std::atomic<uint64_t> rows_written = 0;
  std::atomic<uint64_t> rows_erased = 0;
  std::atomic<uint64_t> blocks = 0;          // of the source
  std::atomic<uint64_t> blocks_changed = 0;  // of these, those that were written
};

// Makes one store equal to another that is written to meanwhile, in passes. A pass reads the whole
// source and cuts it into blocks in the order of the keys. What a block of the target holds is known
// by a checksum that is kept in the target and committed with the block's rows, so a block that did
// not change costs no more than reading it; one that did is compared with the target row by row.
// Killed at any point, it is resumed by another Begin and Pass, by any process.
//
// A pass over a source that nobody writes to leaves the stores equal. One thread calls; a pass uses
// threads of its own.
class Copier {
 public:
  // `target` outlives this; nobody else writes to it.
  Copier(Store& target, CopyOptions options);

  // Claims the target for a copy of `source`, a name that means the same next time. Throws Error
  // when the target has data already, unless that is an unfinished copy of the same source. True if
  // there was one to resume.
  bool Begin(const std::string& source);

  // `sums`, if not null, becomes the sums of the source's partitions.
  void Pass(Store& source, CopyProgress& progress, std::vector<PartitionSum>* sums = nullptr);

  // Forgets what is known of a partition's rows in the target: the next pass compares every one.
  void Distrust(Partition partition);

  // Removes what the copy kept in the target: from now on it is a store like any other.
  void Finish();

 private:
  Store& target_;
  const CopyOptions options_;
};

}  // namespace stampede::store
