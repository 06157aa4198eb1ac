#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

// What saving and restoring data needs of the file system. Faults are thrown as std::system_error.
namespace stampede::app {

// An advisory lock on a directory (flock(2)), until the last copy of the pointer is gone. Null when
// others hold it in a way that excludes this.
enum class LockKind { kShared, kExclusive };
std::shared_ptr<void> LockDirectory(const std::filesystem::path& directory, LockKind kind);

// Makes `to` another name of the file `from`. False when that is impossible: they are on different
// file systems, or there is no file `from`, or the system forbids it. True if `to` exists already.
bool LinkFile(const std::filesystem::path& from, const std::filesystem::path& to);

// Bytes copied. `to` must not exist.
uint64_t CopyFile(const std::filesystem::path& from, const std::filesystem::path& to);

// A new file with this content, durable when it returns, but for its directory.
void WriteFile(const std::filesystem::path& path, std::string_view content);

// All that was written to the file system of `path` is durable.
void SyncFileSystem(const std::filesystem::path& path);

// Of all files below a directory.
struct FileCount {
  uint64_t files = 0;
  uint64_t bytes = 0;
  bool operator==(const FileCount&) const = default;
};
FileCount CountFiles(const std::filesystem::path& directory);

}  // namespace stampede::app
