#include "store/postgres/commit_plan.h"

#include <gtest/gtest.h>

#include "store/test_support.h"

namespace stampede::store::postgres {
namespace {

using testing::IndexKey;
using testing::kIndexTable;
using testing::QueueKey;
using testing::RecordKey;
using enum Statement;

std::vector<Statement> StatementsOf(const Batch& batch) {
  CommitPlan plan(batch);
  std::vector<Statement> statements;
  for (const Call& call : plan.CallsFor(1, 2)) statements.push_back(call.statement);
  return statements;
}

// What comes between BEGIN with the note of the commit's number, and COMMIT.
std::vector<Statement> WorkOf(const Batch& batch) {
  std::vector<Statement> all = StatementsOf(batch);
  EXPECT_EQ(all[0], kBegin);
  EXPECT_EQ(all[1], kLane);
  EXPECT_EQ(all.back(), kCommit);
  return {all.begin() + 2, all.end() - 1};
}

using Statements = std::vector<Statement>;

TEST(CommitPlan, AKeyThatIsWrittenIsLockedByItsOwnStatement) {
  Batch batch;
  batch.Put(RecordKey(3), "v");
  batch.Add(RecordKey(2), 1);
  batch.Add(RecordKey(2), 1);
  batch.ExpectAbsent(RecordKey(1));
  batch.Put(RecordKey(1), "v");
  EXPECT_EQ(WorkOf(batch), (Statements{kInsert, kAdd, kUpsert}));
}

TEST(CommitPlan, AKeyThatIsOnlyExpectedIsSharedWhenPresentAndTakenWhenAbsent) {
  Batch batch;
  batch.Put(RecordKey(4), "v");
  batch.ExpectPresent(RecordKey(3));
  batch.ExpectUnchanged(RecordKey(2), "two");
  batch.ExpectAbsent(RecordKey(1));
  EXPECT_EQ(WorkOf(batch), (Statements{kInsert, kErase, kExpectEquals, kExpectPresent, kUpsert}));
}

TEST(CommitPlan, AKeyThatIsErasedBesidesWritesIsLockedEvenIfAbsent) {
  Batch batch;
  batch.Put(RecordKey(1), "v");
  batch.Erase(RecordKey(2));
  batch.ExpectUnchanged(RecordKey(3), "three");
  batch.Erase(RecordKey(3));
  EXPECT_EQ(WorkOf(batch), (Statements{kUpsert, kLock, kErase, kExpectEqualsToWrite, kErase}));
}

TEST(CommitPlan, MereErasuresAreTwoStatementsPerPartitionAndTable) {
  Batch batch;
  for (uint64_t i = 0; i < 100; ++i) batch.Erase(QueueKey(i, i % 2 == 0 ? 1 : 2));
  EXPECT_EQ(WorkOf(batch),
            (Statements{kShareErasures, kEraseMany, kEraseMany, kExpectErased, kExpectErased}));
}

TEST(CommitPlan, ARangeIsErasedLastAndLookedAtAgain) {
  Batch batch;
  batch.EraseRange(KeyRange::Prefix(Key(Partition(7), kIndexTable).str()));
  batch.ExpectPresent(IndexKey(1));
  EXPECT_EQ(WorkOf(batch), (Statements{kShareErasures, kExpectPresent, kEraseRange, kExpectEmpty}));
  batch.Put(RecordKey(1), "v");
  EXPECT_EQ(WorkOf(batch),
            (Statements{kOwnErasures, kUpsert, kExpectPresent, kEraseRange, kExpectEmpty}));
}

TEST(CommitPlan, WhatOnlyExpectsNotesNoNumber) {
  Batch batch;
  batch.ExpectPresent(RecordKey(1));
  EXPECT_EQ(StatementsOf(batch), (Statements{kBegin, kExpectPresent, kCommit}));
  EXPECT_FALSE(CommitPlan(batch).writes());
}

TEST(CommitPlan, ARelaxedBatchDoesNotWaitForTheDisk) {
  Batch batch;
  batch.Relax();
  batch.Put(RecordKey(1), "v");
  EXPECT_EQ(StatementsOf(batch), (Statements{kBegin, kRelax, kLane, kUpsert, kCommit}));
}

TEST(CommitPlan, ExpectationsThatContradictEachOtherNeedNoDatabase) {
  auto impossible = [](auto fill) {
    Batch batch;
    fill(batch);
    return CommitPlan(batch).impossible();
  };
  EXPECT_TRUE(impossible([](Batch& b) {
    b.ExpectAbsent(RecordKey(1));
    b.ExpectPresent(RecordKey(1));
  }));
  EXPECT_TRUE(impossible([](Batch& b) {
    b.ExpectUnchanged(RecordKey(1), "one");
    b.ExpectUnchanged(RecordKey(1), "two");
  }));
  EXPECT_FALSE(impossible([](Batch& b) {
    b.ExpectUnchanged(RecordKey(1), "one");
    b.ExpectPresent(RecordKey(1));
  }));
}

}  // namespace
}  // namespace stampede::store::postgres
