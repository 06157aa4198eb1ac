#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/bulk_writer.h"
#include "store/store.h"

namespace stampede::store {

struct RocksDbOptions {
  std::string path;  // a directory, created if absent
  // Both are filled lazily: an idle store uses a few MB.
  size_t block_cache_bytes = 32 * 1024 * 1024;
  size_t memtable_bytes = 8 * 1024 * 1024;  // per column family; up to three each under load
};

// The embedded engine: a Store in a directory of this machine, one process at a time. Thread-safe.
// A commit is on disk (fdatasync of the write-ahead log) when it returns. Destroying it flushes, so
// that the next open has no log to replay; a crash loses nothing, the next open replays the log.
class RocksDbStore : public Store {
 public:
  // Since the store was opened.
  struct Stats {
    uint64_t commits;    // batches applied
    uint64_t conflicts;  // batches refused by an expectation
    uint64_t groups;     // writes, each of one or more batches
    uint64_t syncs;      // flushes of the log to the disk, each shared by all who waited
    uint64_t waiting;    // callers inside Commit right now
  };
  virtual Stats stats() const = 0;

  // Writes a consistent copy of the whole store to `path`, which must not exist but its parent
  // must, while work goes on. On one file system, files are hard-linked: quick, and almost no
  // space. Open it like any store.
  virtual void Checkpoint(const std::string& path) = 0;

  // The store outlives the writer. The rows become files of the engine's last level, past the log and
  // the memtables: about 2 million rows a second and thread.
  virtual std::unique_ptr<BulkWriter> NewBulkWriter() = 0;
};

// Throws Error with a public text for the operator: kUnavailable when another process has the store
// open, kInternal when it is damaged or cannot be opened.
std::unique_ptr<RocksDbStore> OpenRocksDb(const RocksDbOptions& options);

}  // namespace stampede::store
