#include "store/store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "store/conformance.h"
#include "store/memory/memory_store.h"
#include "store/postgres/testing/citus_cluster.h"
#include "store/postgres/testing/postgres_server.h"
#include "store/rocksdb/rocksdb_store.h"

namespace stampede::store::testing {
namespace {

// Memory of a few kilobytes, so that flushes and compactions happen under the suite.
std::shared_ptr<Store> TinyRocksDb() {
  auto directory = std::make_shared<TempDir>();
  RocksDbOptions options{.path = directory->path() + "/db",
                         .block_cache_bytes = 64 * 1024,
                         .memtable_bytes = 64 * 1024};
  std::shared_ptr<Store> store = OpenRocksDb(options);
  return {store.get(), [store, directory](Store*) mutable { store.reset(); }};
}

std::shared_ptr<Store> FreshPostgres(bool route_by_partition) {
  return OpenPostgres({.database = SharedPostgres().FreshDatabase(),
                       .connections = 8,
                       .route_by_partition = route_by_partition});
}

std::shared_ptr<Store> FreshCitus() {
  if (!CitusIsInstalled()) return nullptr;
  return OpenPostgres({.database = SharedCitus().EmptyDatabase(), .connections = 8});
}

STAMPEDE_STORE_CONFORMANCE(Memory, [] { return std::shared_ptr<Store>(MakeMemoryStore()); });
STAMPEDE_STORE_CONFORMANCE(RocksDb, TinyRocksDb);
STAMPEDE_STORE_CONFORMANCE(Postgres, [] { return FreshPostgres(false); });
// With the statements that Citus routes.
STAMPEDE_STORE_CONFORMANCE(PostgresRouted, [] { return FreshPostgres(true); });
// A coordinator and two workers, where it is installed.
STAMPEDE_STORE_CONFORMANCE(Citus, FreshCitus);

TEST(Counters, KeepTheirOrderOfBytesAndWrapAround) {
  EXPECT_EQ(EncodeCounter(1), std::string("\0\0\0\0\0\0\0\1", 8));
  for (int64_t value : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{123456789}}) {
    EXPECT_EQ(DecodeCounter(EncodeCounter(value)), value);
  }
  EXPECT_EQ(DecodeCounter(std::nullopt), 0);
  EXPECT_THROW(DecodeCounter("short"), std::runtime_error);
  EXPECT_EQ(AddWrapping(INT64_MAX, 1), INT64_MIN);
}

TEST(MemoryStore, TheNthCommitFailsAndAppliesNothing) {
  MemoryStore store;
  store.set_commit_hook([n = 0](const Batch&) mutable {
    if (++n == 2) throw Error(ErrorCode::kUnavailable, "gone");
  });
  Batch batch;
  batch.Add(RecordKey(1), 1);
  EXPECT_TRUE(store.Commit(batch));
  EXPECT_THROW(store.Commit(batch), Error);
  EXPECT_TRUE(store.Commit(batch));
  EXPECT_EQ(DecodeCounter(store.Get(RecordKey(1))), 2);
}

}  // namespace
}  // namespace stampede::store::testing
