// Copies into and out of a real PostgreSQL.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "store/copy/copier.h"
#include "store/copy/state.h"
#include "store/copy/summary.h"
#include "store/memory/memory_store.h"
#include "store/postgres/bulk_writer.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/sessions.h"
#include "store/postgres/testing/postgres_server.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

using testing::IndexKey;
using testing::PostgresServer;
using testing::QueueKey;
using testing::RecordKey;

std::string Bytes(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

void Change(Store& store, std::mt19937& random, int times) {
  for (int i = 0; i < times; ++i) {
    uint64_t n = random() % 300;
    unsigned partition = random() % 4 == 0 ? kPartitionCount - 1 : random() % 3;
    Batch batch;
    switch (random() % 6) {
      case 0:
        batch.Erase(RecordKey(n, partition));
        break;
      case 1:
        batch.Add(RecordKey(1'000 + n % 9, partition), static_cast<int>(random()));
        break;
      case 2:
        batch.Put(QueueKey(n, partition), Bytes(random, random() % 50));
        break;
      case 3:
        batch.Put(IndexKey(n, partition), {});
        break;
      default:
        batch.Put(RecordKey(n, partition), Bytes(random, random() % 400));
    }
    store.Commit(batch);
  }
}

void ExpectEqual(Store& a, Store& b) {
  WalkProgress progress;
  auto sums = Summarize(a, 2, progress).partitions;
  EXPECT_EQ(Differences(sums, Summarize(b, 2, progress).partitions), std::vector<Partition>());
}

void Pass(Copier& copier, Store& source) {
  CopyProgress progress;
  copier.Pass(source, progress);
}

class PostgresCopy : public ::testing::Test {
 protected:
  std::unique_ptr<PostgresStore> Open() { return OpenPostgres({.database = database}); }
  CopyOptions Options() {
    return {.threads = 2,
            .block_rows = 20,
            .bulk = [this] { return NewPostgresBulkWriter(ForCommand(database)); },
            .bulk_bytes = 20'000};
  }

  PostgresServer server;
  std::string database = server.FreshDatabase();
};

TEST_F(PostgresCopy, AnEmbeddedStoreMovesThereWhileItChangesAndBack) {
  testing::TempDir directory;
  auto source = OpenRocksDb({.path = directory.path() + "/source"});
  auto target = Open();
  std::mt19937 random(1);
  Change(*source, random, 2'000);
  Copier copier(*target, Options());
  copier.Begin("there");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) Change(*source, random, 10);
  });
  Pass(copier, *source);
  Pass(copier, *source);
  stop = true;
  writer.join();
  Pass(copier, *source);
  ExpectEqual(*source, *target);
  copier.Finish();

  auto back = OpenRocksDb({.path = directory.path() + "/back"});
  Copier other(*back, {.threads = 2, .bulk = [&] { return back->NewBulkWriter(); }});
  other.Begin("here");
  Pass(other, *target);
  other.Finish();
  ExpectEqual(*source, *back);
}

TEST_F(PostgresCopy, ABulkLoadThatIsNotFinishedLeavesNothing) {
  auto target = Open();
  {
    auto writer = NewPostgresBulkWriter(database);
    for (uint64_t n = 0; n < 50'000; ++n) writer->Put(IndexKey(n), "never to be seen");
  }
  EXPECT_TRUE(IsEmpty(*target, Partition(7)));
  auto writer = NewPostgresBulkWriter(database);
  writer->Put(IndexKey(1), "in the table");
  writer->Put(QueueKey(1), std::string("in the queue\0", 13));
  writer->Finish();
  EXPECT_EQ(target->Get(IndexKey(1)), "in the table");
  EXPECT_EQ(target->Get(QueueKey(1)), std::string("in the queue\0", 13));
}

TEST_F(PostgresCopy, ServersAreCountedAndCommandsAreNot) {
  EXPECT_EQ(CountServerSessions(database), 0u);
  auto command = OpenPostgres({.database = ForCommand(database)});
  command->Get(RecordKey(1));
  EXPECT_EQ(CountServerSessions(database), 0u);
  auto server_store = Open();
  server_store->Get(RecordKey(1));
  EXPECT_EQ(CountServerSessions(database), 1u);
}

TEST_F(PostgresCopy, RowsThatNoScanMeetsAreFound) {
  auto store = Open();
  Batch batch;
  batch.Put(RecordKey(1), "x");
  batch.Put(QueueKey(1), "x");
  store->Commit(batch);
  EXPECT_EQ(InspectPostgres(database).problems, 0u);
  std::string schema = database.substr(database.find("search_path=") + 12);
  server.Sql("INSERT INTO " + schema + ".kv VALUES (7, '\\x0007ec01', ''), (7, '\\x', ''), " +
             "(8, '\\x0007f001', ''), (7, '\\x0007f201', '')");
  Inspection found = InspectPostgres(database);
  EXPECT_EQ(found.problems, 4u) << "no such table, no key, another partition, a queue's row";
  EXPECT_EQ(found.examples.size(), 4u);
}

TEST(DatabaseNames, TellNoPassword) {
  std::string name = NameOfDatabase("postgresql://me:secret@a:1,b:2/stampede?sslmode=require");
  EXPECT_EQ(name, "the database stampede at a,b port 1,2");
  EXPECT_EQ(NameOfDatabase("host=/run/x dbname=d password=secret"), "the database d at /run/x");
  EXPECT_ANY_THROW(NameOfDatabase("postgresql://[::1"));
  EXPECT_EQ(ForCommand("postgresql://a/b"), "postgresql://a/b?application_name=stampede_command");
  EXPECT_EQ(ForCommand("postgresql://a/b?x=y"),
            "postgresql://a/b?x=y&application_name=stampede_command");
  EXPECT_EQ(ForCommand("dbname=b"), "dbname=b application_name=stampede_command");
}

}  // namespace
}  // namespace stampede::store
