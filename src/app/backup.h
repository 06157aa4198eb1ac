#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "app/files.h"
#include "base/clock.h"

// Backups of the embedded store and of the media files. A directory of backups holds one directory
// per backup, named by its time:
//
//   2026-11-22T083000Z/manifest.json    written last: without it, a backup is not one
//   2026-11-22T083000Z/store/           opens like any store
//   2026-11-22T083000Z/media/
//
// Files never change once written, so those that the file system can share are hard links: to the
// data directory, or to the backup before. A backup that is being written ends in ".incomplete".
namespace stampede::app {

struct BackupReport {
  std::string path;
  FileCount store, media;
  uint64_t copied_bytes = 0;  // the rest are links
};

// Saves `data` below `directory`, also while a server runs on it: what was acknowledged before the call
// is in it, and every media file that its records name. With `keep`, backups beyond the newest `keep`
// are removed afterwards. Throws Error for a refusal, other exceptions for faults; a backup that was
// not finished is removed by the next.
BackupReport Backup(const std::string& data, const std::string& directory, size_t keep,
                    Clock& clock);

// Puts a backup, or the newest of a directory of backups, into an empty or new data directory. Throws
// Error when the directory is not empty or when the backup is incomplete.
BackupReport Restore(const std::string& from, const std::string& data);

// Throws Error(kUnavailable) if a restore into `data` was begun and not finished.
void RefuseHalfRestored(const std::string& data);

}  // namespace stampede::app
