#include "store/rocksdb/inspect.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

namespace fs = std::filesystem;
using testing::RecordKey;

class Inspect : public ::testing::Test {
 protected:
  Inspect() {
    auto store = OpenRocksDb({.path = path});
    for (uint64_t n = 0; n < 1'000; ++n) {
      Batch batch;
      batch.Put(RecordKey(n), std::string(100, static_cast<char>(n)));
      batch.Add(RecordKey(5'000), 1);
      batch.Relax();
      store->Commit(batch);
    }
  }

  testing::TempDir directory;
  std::string path = directory.path() + "/store";
};

TEST_F(Inspect, AGoodStoreHasNoProblemsAndIsNotChanged) {
  auto list = [&] {
    std::map<std::string, uintmax_t> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      files[entry.path().filename()] = entry.file_size();
    }
    return files;
  };
  auto before = list();
  EXPECT_EQ(InspectRocksDb(path).problems, 0u);
  EXPECT_EQ(list(), before);
}

TEST_F(Inspect, AFlippedBitIsFound) {
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".sst" || entry.file_size() < 4'096) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    char byte = static_cast<char>(file.get());
    file.seekp(100);
    file.put(static_cast<char>(byte ^ 1));
  }
  EXPECT_THROW(InspectRocksDb(path), Error);
}

TEST_F(Inspect, WhatIsNoStoreIsRefused) {
  EXPECT_THROW(InspectRocksDb(directory.path() + "/nothing"), Error);
}

}  // namespace
}  // namespace stampede::store
