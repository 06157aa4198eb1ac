#include "store/copy/copier.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "base/error.h"
#include "store/copy/state.h"
#include "store/copy/summary.h"
#include "store/memory/memory_store.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

using testing::IndexKey;
using testing::QueueKey;
using testing::RecordKey;
using testing::TempDir;

// Small, so that blocks are cut, split and emptied.
CopyOptions SmallBlocks() { return {.threads = 2, .block_rows = 7, .block_bytes = 4'096}; }

void Put(Store& store, const std::string& key, const std::string& value) {
  Batch batch;
  batch.Put(key, value);
  ASSERT_TRUE(store.Commit(batch));
}

void Erase(Store& store, const std::string& key) {
  Batch batch;
  batch.Erase(key);
  ASSERT_TRUE(store.Commit(batch));
}

std::string RandomKey(std::mt19937& random) {
  uint64_t n = random() % 200;
  unsigned partition = random() % 5 == 0 ? kPartitionCount - 1 : random() % 3;
  switch (random() % 3) {
    case 0:
      return RecordKey(n, partition);
    case 1:
      return IndexKey(n, partition);
    default:
      return QueueKey(n, partition);
  }
}

// Puts, erases and additions.
void Change(Store& store, std::mt19937& random, int times) {
  for (int i = 0; i < times; ++i) {
    Batch batch;
    switch (random() % 4) {
      case 0:
        batch.Erase(RandomKey(random));
        break;
      case 1:
        batch.Add(RecordKey(1'000 + random() % 5, random() % 3), static_cast<int>(random()));
        break;
      default:
        batch.Put(RandomKey(random), std::string(random() % 300, static_cast<char>(random())));
    }
    store.Commit(batch);
  }
}

std::vector<PartitionSum> SumsOf(Store& store) {
  WalkProgress progress;
  return Summarize(store, 2, progress).partitions;
}

void ExpectEqual(Store& a, Store& b) {
  auto sums = SumsOf(a);
  EXPECT_EQ(Differences(sums, SumsOf(b)), std::vector<Partition>());
}

struct PassResult {
  uint64_t rows, written, erased, blocks, changed;
};

PassResult Pass(Copier& copier, Store& source) {
  CopyProgress progress;
  copier.Pass(source, progress);
  EXPECT_EQ(progress.partitions, kPartitionCount);
  return {progress.rows, progress.rows_written, progress.rows_erased, progress.blocks,
          progress.blocks_changed};
}

TEST(Copier, OnePassMakesAQuietSourceAndItsCopyEqual) {
  MemoryStore source, target;
  std::mt19937 random(1);
  Change(source, random, 2'000);
  Copier copier(target, SmallBlocks());
  EXPECT_FALSE(copier.Begin("here"));
  Pass(copier, source);
  ExpectEqual(source, target);
  copier.Finish();
  ExpectEqual(source, target);
  EXPECT_EQ(HalfCopiedFrom(target), std::nullopt);
  EXPECT_TRUE(LoadState(target, Partition(0)).blocks.empty());
}

TEST(Copier, ALaterPassWritesOnlyWhatChanged) {
  MemoryStore source, target;
  for (uint64_t n = 0; n < 1'000; ++n) Put(source, IndexKey(n), "before");
  Copier copier(target, SmallBlocks());
  copier.Begin("here");
  EXPECT_EQ(Pass(copier, source).written, 1'000u);
  PassResult idle = Pass(copier, source);
  EXPECT_EQ(idle.rows, 1'000u);
  EXPECT_EQ(idle.changed, 0u);
  EXPECT_EQ(idle.written, 0u);

  Put(source, IndexKey(500), "after");
  Put(source, IndexKey(5'000), "new at the end");
  Erase(source, IndexKey(20));
  PassResult later = Pass(copier, source);
  EXPECT_EQ(later.written, 2u);
  EXPECT_EQ(later.erased, 1u);
  EXPECT_LE(later.changed, 3u);
  ExpectEqual(source, target);
}

TEST(Copier, RowsThatVanishedAreErasedWithTheirBlocks) {
  MemoryStore source, target;
  for (uint64_t n = 0; n < 100; ++n) Put(source, RecordKey(n), "x");
  Copier copier(target, SmallBlocks());
  copier.Begin("here");
  Pass(copier, source);
  for (uint64_t n = 0; n < 100; ++n) Erase(source, RecordKey(n));
  EXPECT_EQ(Pass(copier, source).erased, 100u);
  EXPECT_TRUE(LoadState(target, Partition(7)).blocks.empty());
  Put(source, RecordKey(3), "again");
  Pass(copier, source);
  ExpectEqual(source, target);
}

TEST(Copier, CountersKeepTheirValueAndGoOnCounting) {
  MemoryStore source;
  TempDir directory;
  auto target = OpenRocksDb({.path = directory.path() + "/store"});
  Batch batch;
  batch.Add(RecordKey(1), INT64_MIN);
  batch.Add(RecordKey(2), 41);
  ASSERT_TRUE(source.Commit(batch));
  Copier copier(*target, SmallBlocks());
  copier.Begin("here");
  Pass(copier, source);
  copier.Finish();
  Batch more;
  more.Add(RecordKey(2), 1);
  ASSERT_TRUE(target->Commit(more));
  EXPECT_EQ(DecodeCounter(target->Get(RecordKey(1))), INT64_MIN);
  EXPECT_EQ(DecodeCounter(target->Get(RecordKey(2))), 42);
}

TEST(Copier, ASourceThatChangesAllTheTimeIsCaughtUpWith) {
  for (unsigned seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    TempDir directory;
    auto source = OpenRocksDb({.path = directory.path() + "/source"});
    auto target = OpenRocksDb({.path = directory.path() + "/target"});
    std::mt19937 random(seed);
    Change(*source, random, 500);
    CopyOptions options = SmallBlocks();
    options.bulk = [&] { return target->NewBulkWriter(); };
    Copier copier(*target, options);
    copier.Begin("here");
    std::atomic<bool> stop = false;
    std::thread writer([&] {
      while (!stop) Change(*source, random, 10);
    });
    for (int i = 0; i < 3; ++i) Pass(copier, *source);
    stop = true;
    writer.join();
    Pass(copier, *source);
    ExpectEqual(*source, *target);
  }
}

TEST(Copier, KilledAtAnyCommitItIsResumed) {
  struct Killed {};
  for (int survived = 0; survived < 60; survived += 7) {
    SCOPED_TRACE(survived);
    std::mt19937 random(static_cast<unsigned>(survived));
    MemoryStore source, target;
    Change(source, random, 1'000);
    // Kills the first pass, then, in a second life, the pass behind a change.
    for (int life = 0; life < 2; ++life) {
      int left = survived + 2;
      target.set_commit_hook([&](const Batch&) {
        if (left-- == 0) throw Killed();
      });
      CopyOptions options = SmallBlocks();
      options.threads = 1;
      Copier copier(target, options);
      try {
        EXPECT_EQ(copier.Begin("here"), life == 1);
        Pass(copier, source);
      } catch (const Killed&) {
      }
      Change(source, random, 200);
    }
    target.set_commit_hook({});
    Copier copier(target, SmallBlocks());
    EXPECT_TRUE(copier.Begin("here"));
    Pass(copier, source);
    ExpectEqual(source, target);
  }
}

TEST(Copier, ABulkLoadIsResumedWhereItWasKilled) {
  struct Killed {};
  TempDir directory;
  MemoryStore source;
  auto target = OpenRocksDb({.path = directory.path() + "/target"});
  for (unsigned partition = 0; partition < 20; ++partition) {
    for (uint64_t n = 0; n < 50; ++n) Put(source, IndexKey(n, partition), "some value");
  }
  CopyOptions options = SmallBlocks();
  options.threads = 1;
  options.bulk_bytes = 1;  // finished behind every partition
  int writers_left = 10;
  options.bulk = [&] {
    if (writers_left-- == 0) throw Killed();
    return target->NewBulkWriter();
  };
  Copier first(*target, options);
  first.Begin("here");
  EXPECT_THROW(Pass(first, source), Killed);

  options.bulk = [&] { return target->NewBulkWriter(); };
  Copier second(*target, options);
  EXPECT_TRUE(second.Begin("here"));
  EXPECT_EQ(Pass(second, source).written, 500u) << "the half that was not there";
  ExpectEqual(source, *target);
}

TEST(Copier, WhatIsNotKnownOfTheTargetIsComparedRowByRow) {
  MemoryStore source, target;
  std::mt19937 random(3);
  Change(source, random, 500);
  Copier copier(target, SmallBlocks());
  copier.Begin("here");
  Pass(copier, source);
  Put(target, RecordKey(77, 1), "a stranger's");
  Pass(copier, source);
  EXPECT_EQ(Differences(SumsOf(source), SumsOf(target)), std::vector<Partition>{Partition(1)});
  copier.Distrust(Partition(1));
  Pass(copier, source);
  ExpectEqual(source, target);
}

TEST(Copier, LongKeysFullOfZerosAreCopied) {
  MemoryStore source, target;
  for (int i = 0; i < 40; ++i) {
    std::string key = IndexKey(static_cast<uint64_t>(i));
    key.resize(limits::kKeyBytesMax, '\0');
    Put(source, key, "v");
    key.resize(limits::kKeyBytesMax - 1);
    Put(source, key, "w");
  }
  CopyOptions options = SmallBlocks();
  options.block_rows = 1;
  Copier copier(target, options);
  copier.Begin("here");
  Pass(copier, source);
  EXPECT_EQ(Pass(copier, source).changed, 0u);
  ExpectEqual(source, target);
}

TEST(Copier, SumsOfAPassAreThoseOfTheSource) {
  MemoryStore source, target;
  std::mt19937 random(9);
  Change(source, random, 300);
  Copier copier(target, SmallBlocks());
  copier.Begin("here");
  CopyProgress progress;
  std::vector<PartitionSum> sums;
  copier.Pass(source, progress, &sums);
  EXPECT_EQ(sums, SumsOf(source));
}

TEST(Copier, ATargetWithDataIsRefused) {
  MemoryStore target;
  Put(target, RecordKey(1, 4'095), "x");
  Copier copier(target, SmallBlocks());
  EXPECT_THROW(copier.Begin("here"), Error);
}

TEST(Copier, AHalfDoneCopyIsRefusedToOtherSourcesAndToServers) {
  MemoryStore source, target;
  Copier copier(target, SmallBlocks());
  copier.Begin("here");
  EXPECT_THROW(Copier(target, SmallBlocks()).Begin("there"), Error);
  EXPECT_THROW(RefuseHalfCopied(target), Error);
  EXPECT_TRUE(Copier(target, SmallBlocks()).Begin("here"));
  Pass(copier, source);
  copier.Finish();
  EXPECT_NO_THROW(RefuseHalfCopied(target));
}

TEST(StoreSummary, CountsAndTellsProblems) {
  MemoryStore store;
  Put(store, RecordKey(1), "abc");
  Put(store, IndexKey(1, 9), "");
  WalkProgress progress;
  StoreSummary summary = Summarize(store, 3, progress);
  EXPECT_EQ(summary.rows(), 2u);
  EXPECT_EQ(summary.tables["test_record"].rows, 1u);
  EXPECT_EQ(summary.tables["test_record"].bytes, RecordKey(1).size() + 3);
  EXPECT_EQ(summary.partitions[9].rows, 1u);
  EXPECT_EQ(summary.problems, 0u);
  EXPECT_NE(ProblemOf(std::string("\xff\xff\xf0key", 6), ""), "");
  EXPECT_NE(ProblemOf(std::string("\x00\x01\xec", 3), ""), "") << "no such table";
  EXPECT_EQ(ProblemOf(RecordKey(1), ""), "");
}

TEST(RowHasher, TellsRowsFromRowsCutDifferently) {
  auto hash = [](std::initializer_list<std::pair<std::string, std::string>> rows) {
    RowHasher hasher;
    for (const auto& [key, value] : rows) hasher.Add(key, value);
    return hasher.Finish();
  };
  EXPECT_EQ(hash({{"a", "b"}}), hash({{"a", "b"}}));
  EXPECT_NE(hash({{"a", "bc"}}), hash({{"ab", "c"}}));
  EXPECT_NE(hash({{"a", "b"}, {"c", "d"}}), hash({{"c", "d"}, {"a", "b"}}));
  EXPECT_NE(hash({{"a", std::string(200'000, 'x')}}), hash({{"a", std::string(200'001, 'x')}}));
}

}  // namespace
}  // namespace stampede::store
