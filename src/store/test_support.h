#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "store/keyspace.h"

// What the tests of this layer share. For test programs only.
namespace stampede::store::testing {

// A directory of its own, removed with everything in it.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "stampede-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const Table kRecordTable(0xf0, "test_record", Access::kRecord);
inline const Table kIndexTable(0xf1, "test_index", Access::kIndex);
inline const Table kQueueTable(0xf2, "test_queue", Access::kQueue);

inline std::string RecordKey(uint64_t n, unsigned partition = 7) {
  return Key(Partition(partition), kRecordTable).Uint(n);
}
inline std::string IndexKey(uint64_t n, unsigned partition = 7) {
  return Key(Partition(partition), kIndexTable).Uint(n);
}
inline std::string QueueKey(uint64_t n, unsigned partition = 7) {
  return Key(Partition(partition), kQueueTable).Uint(n);
}

}  // namespace stampede::store::testing
