#pragma once

// The suite that every engine passes: what store.h promises, said as tests. In one test file of a
// program:
//   STAMPEDE_STORE_CONFORMANCE(Memory, [] { return std::shared_ptr<Store>(MakeMemoryStore()); });
// The factory makes an empty store; what it must clean up goes into the shared_ptr's deleter. One
// that cannot work on this machine gives null, and the tests are skipped.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "store/store.h"
#include "store/test_support.h"

namespace stampede::store::testing {

using StoreFactory = std::function<std::shared_ptr<Store>()>;

#define STAMPEDE_STORE_CONFORMANCE(name, factory)                                                \
  INSTANTIATE_TEST_SUITE_P(name, StoreConformance,                                               \
                           ::testing::Values(::stampede::store::testing::StoreFactory(factory)), \
                           [](const auto&) { return std::string("Engine"); })

class StoreConformance : public ::testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override {
    if (store == nullptr) GTEST_SKIP() << "what this engine needs is not installed here";
  }
  // The keys of rows are what most tests compare.
  static std::vector<std::string> KeysOf(const std::vector<Row>& rows) {
    std::vector<std::string> keys;
    for (const Row& row : rows) keys.push_back(row.key);
    return keys;
  }
  static KeyRange All(const Table& table, unsigned partition = 7) {
    return KeyRange::Prefix(Key(Partition(partition), table).str());
  }
  void Put(const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(key, value);
    ASSERT_TRUE(store->Commit(batch));
  }
  bool CommitAdd(const std::string& key, int64_t delta) {
    Batch batch;
    batch.Add(key, delta);
    return store->Commit(batch);
  }
  int64_t CounterAt(const std::string& key) { return DecodeCounter(store->Get(key)); }

  std::shared_ptr<Store> store = GetParam()();
};

using KeyList = std::vector<std::string>;

TEST_P(StoreConformance, WhatWasPutIsReadAndWhatWasErasedIsNot) {
  EXPECT_EQ(store->Get(RecordKey(1)), std::nullopt);
  Put(RecordKey(1), "one");
  EXPECT_EQ(store->Get(RecordKey(1)), "one");
  Put(RecordKey(1), "");
  EXPECT_EQ(store->Get(RecordKey(1)), "");
  Batch batch;
  batch.Erase(RecordKey(1));
  batch.Erase(RecordKey(2));
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_EQ(store->Get(RecordKey(1)), std::nullopt);
}

TEST_P(StoreConformance, ABatchWritesToPartitionsAndTablesAtOnce) {
  Batch batch;
  batch.Put(RecordKey(1, 0), "a");
  batch.Put(IndexKey(1, 4095), "b");
  batch.Put(QueueKey(1, 300), "c");
  batch.Add(RecordKey(2, 12), 5);
  ASSERT_TRUE(store->Commit(batch));
  EXPECT_EQ(store->Get(RecordKey(1, 0)), "a");
  EXPECT_EQ(store->Get(IndexKey(1, 4095)), "b");
  EXPECT_EQ(store->Get(QueueKey(1, 300)), "c");
  EXPECT_EQ(CounterAt(RecordKey(2, 12)), 5);
  EXPECT_EQ(store->Get(RecordKey(1, 1)), std::nullopt);
}

TEST_P(StoreConformance, AnEmptyBatchCommits) { EXPECT_TRUE(store->Commit(Batch())); }

TEST_P(StoreConformance, EachExpectationHoldsExactlyWhenItSays) {
  Put(RecordKey(1), "one");
  auto commits = [&](auto expect) {
    Batch batch;
    expect(batch);
    return store->Commit(batch);
  };
  EXPECT_TRUE(commits([](Batch& b) { b.ExpectPresent(RecordKey(1)); }));
  EXPECT_FALSE(commits([](Batch& b) { b.ExpectPresent(RecordKey(2)); }));
  EXPECT_TRUE(commits([](Batch& b) { b.ExpectAbsent(RecordKey(2)); }));
  EXPECT_FALSE(commits([](Batch& b) { b.ExpectAbsent(RecordKey(1)); }));
  EXPECT_TRUE(commits([](Batch& b) { b.ExpectUnchanged(RecordKey(1), "one"); }));
  EXPECT_FALSE(commits([](Batch& b) { b.ExpectUnchanged(RecordKey(1), "on"); }));
  EXPECT_FALSE(commits([](Batch& b) { b.ExpectUnchanged(RecordKey(2), ""); }));
  EXPECT_TRUE(commits([](Batch& b) { b.ExpectUnchanged(RecordKey(2), std::nullopt); }));
  EXPECT_FALSE(commits([](Batch& b) { b.ExpectUnchanged(RecordKey(1), std::nullopt); }));
}

TEST_P(StoreConformance, AFailedExpectationChangesNothing) {
  Put(RecordKey(1), "one");
  Put(IndexKey(5), "row");
  Batch batch;
  batch.ExpectPresent(RecordKey(1));
  batch.ExpectAbsent(IndexKey(5));
  batch.Put(RecordKey(1), "two");
  batch.Erase(IndexKey(5));
  batch.EraseRange(All(kQueueTable));
  batch.Add(RecordKey(3), 1);
  EXPECT_FALSE(store->Commit(batch));
  EXPECT_EQ(store->Get(RecordKey(1)), "one");
  EXPECT_EQ(store->Get(IndexKey(5)), "row");
  EXPECT_EQ(store->Get(RecordKey(3)), std::nullopt);
}

TEST_P(StoreConformance, ABatchMayExpectWhatItWrites) {
  Batch batch;
  batch.ExpectAbsent(RecordKey(1));
  batch.Put(RecordKey(1), "one");
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_FALSE(store->Commit(batch));
}

TEST_P(StoreConformance, CountersAddUpFromZeroAndFromWhatWasPut) {
  EXPECT_EQ(CounterAt(RecordKey(1)), 0);
  Batch batch;
  batch.Add(RecordKey(1), 40);
  batch.Add(RecordKey(1), 2);
  batch.Add(RecordKey(2), -7);
  ASSERT_TRUE(store->Commit(batch));
  EXPECT_EQ(CounterAt(RecordKey(1)), 42);
  EXPECT_EQ(CounterAt(RecordKey(2)), -7);
  Put(RecordKey(1), EncodeCounter(1000));
  EXPECT_TRUE(CommitAdd(RecordKey(1), -1));
  EXPECT_EQ(CounterAt(RecordKey(1)), 999);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(CommitAdd(RecordKey(3), 1));
  EXPECT_EQ(CounterAt(RecordKey(3)), 100);
}

TEST_P(StoreConformance, AnErasedCounterStartsAgainFromZero) {
  ASSERT_TRUE(CommitAdd(RecordKey(1), 5));
  Batch batch;
  batch.Erase(RecordKey(1));
  ASSERT_TRUE(store->Commit(batch));
  EXPECT_EQ(store->Get(RecordKey(1)), std::nullopt);
  ASSERT_TRUE(CommitAdd(RecordKey(1), 3));
  EXPECT_EQ(CounterAt(RecordKey(1)), 3);
}

TEST_P(StoreConformance, ACounterIsPresentAndComparable) {
  ASSERT_TRUE(CommitAdd(RecordKey(1), 5));
  Batch batch;
  batch.ExpectUnchanged(RecordKey(1), EncodeCounter(5));
  batch.Add(RecordKey(1), 1);
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_FALSE(store->Commit(batch));
}

TEST_P(StoreConformance, MultiGetKeepsOrderAndDuplicatesAcrossTables) {
  EXPECT_TRUE(store->MultiGet({}).empty());
  Put(RecordKey(1), "r1");
  Put(IndexKey(2), "i2");
  Put(QueueKey(3, 9), "q3");
  KeyList keys = {QueueKey(3, 9), RecordKey(1), RecordKey(9),
                  IndexKey(2),    RecordKey(1), QueueKey(3)};
  auto values = store->MultiGet(keys);
  ASSERT_EQ(values.size(), 6u);
  EXPECT_EQ(values[0], "q3");
  EXPECT_EQ(values[1], "r1");
  EXPECT_EQ(values[2], std::nullopt);
  EXPECT_EQ(values[3], "i2");
  EXPECT_EQ(values[4], "r1");
  EXPECT_EQ(values[5], std::nullopt);
}

TEST_P(StoreConformance, ScansGoBothWaysAndStopAtTheLimit) {
  for (uint64_t i : {3, 1, 2, 5, 4}) Put(IndexKey(i), std::to_string(i));
  KeyRange middle{IndexKey(2), IndexKey(5)};
  EXPECT_EQ(KeysOf(store->Scan({middle, 10})), (KeyList{IndexKey(2), IndexKey(3), IndexKey(4)}));
  EXPECT_EQ(KeysOf(store->Scan({middle, 2})), (KeyList{IndexKey(2), IndexKey(3)}));
  EXPECT_EQ(KeysOf(store->Scan({middle, 2, Direction::kBackward})),
            (KeyList{IndexKey(4), IndexKey(3)}));
  EXPECT_EQ(KeysOf(store->Scan({middle, 10, Direction::kBackward})),
            (KeyList{IndexKey(4), IndexKey(3), IndexKey(2)}));
  EXPECT_EQ(store->Scan({All(kIndexTable), 1}).at(0).value, "1");
  EXPECT_TRUE(store->Scan({middle, 0}).empty());
}

TEST_P(StoreConformance, EmptyRangesGiveNothing) {
  Put(IndexKey(5), "x");
  for (Direction direction : {Direction::kForward, Direction::kBackward}) {
    EXPECT_TRUE(store->Scan({{IndexKey(6), IndexKey(9)}, 10, direction}).empty());
    EXPECT_TRUE(store->Scan({{IndexKey(5), IndexKey(5)}, 10, direction}).empty());
    EXPECT_TRUE(store->Scan({{IndexKey(9), IndexKey(1)}, 10, direction}).empty());
    EXPECT_TRUE(store->Scan({All(kIndexTable, 8), 10, direction}).empty());
    EXPECT_TRUE(store->Scan({All(kRecordTable), 10, direction}).empty());
  }
}

TEST_P(StoreConformance, KeysOfZeroAndHighBytesAreOrderedAsBytes) {
  const std::string base = Key(Partition(7), kIndexTable);
  using namespace std::string_literals;
  // In byte order: a key comes before what continues it, 0x00 first and 0xff last.
  KeyList ordered = {
      base,           base + "\0"s,   base + "\0\0"s,   base + "\0\xff"s,  base + "\x7f"s,
      base + "\x80"s, base + "\xff"s, base + "\xff\0"s, base + "\xff\xff"s};
  Batch batch;
  for (const auto& key : ordered) batch.Put(key, "v");
  batch.Put(IndexKey(1, 6), "the partition before");
  batch.Put(IndexKey(1, 8), "the partition after");
  ASSERT_TRUE(store->Commit(batch));
  EXPECT_EQ(KeysOf(store->Scan({KeyRange::Prefix(base), 100})), ordered);
  KeyList backward(ordered.rbegin(), ordered.rend());
  EXPECT_EQ(KeysOf(store->Scan({KeyRange::Prefix(base), 100, Direction::kBackward})), backward);
  EXPECT_EQ(KeysOf(store->Scan({KeyRange::Prefix(base + "\xff"s), 100})),
            (KeyList{base + "\xff"s, base + "\xff\0"s, base + "\xff\xff"s}));
  EXPECT_EQ(KeysOf(store->Scan({{base + "\0"s, base + "\0\0"s}, 100})), (KeyList{base + "\0"s}));
}

TEST_P(StoreConformance, MultiScanAnswersEachRangeInOrder) {
  EXPECT_TRUE(store->MultiScan({}).empty());
  for (unsigned partition : {1u, 2u, 3u}) {
    for (uint64_t i = 0; i < 5; ++i) Put(IndexKey(i, partition), "v");
  }
  Put(QueueKey(1, 2), "q");
  std::vector<ScanRequest> requests = {{All(kIndexTable, 3), 2, Direction::kBackward},
                                       {All(kIndexTable, 9), 2},
                                       {All(kIndexTable, 1), 3},
                                       {All(kQueueTable, 2), 3}};
  auto answers = store->MultiScan(requests);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(KeysOf(answers[0]), (KeyList{IndexKey(4, 3), IndexKey(3, 3)}));
  EXPECT_TRUE(answers[1].empty());
  EXPECT_EQ(KeysOf(answers[2]), (KeyList{IndexKey(0, 1), IndexKey(1, 1), IndexKey(2, 1)}));
  EXPECT_EQ(KeysOf(answers[3]), (KeyList{QueueKey(1, 2)}));
}

TEST_P(StoreConformance, ARangeEraseTakesItsBeginAndLeavesItsEnd) {
  // Few rows and many: an engine may do the two in different ways.
  for (uint64_t count : {5, 300}) {
    Batch fill;
    for (uint64_t i = 0; i < count; ++i) fill.Put(IndexKey(i), "v");
    fill.Put(IndexKey(0, 6), "v");
    fill.Put(IndexKey(0, 8), "v");
    ASSERT_TRUE(store->Commit(fill));
    Batch batch;
    batch.EraseRange({IndexKey(1), IndexKey(count - 1)});
    batch.EraseRange(All(kQueueTable));
    batch.Put(IndexKey(count - 1), "kept and written");
    ASSERT_TRUE(store->Commit(batch));
    EXPECT_EQ(KeysOf(store->Scan({All(kIndexTable), 1000})),
              (KeyList{IndexKey(0), IndexKey(count - 1)}));
    EXPECT_TRUE(store->Get(IndexKey(0, 6)));
    EXPECT_TRUE(store->Get(IndexKey(0, 8)));
    Put(IndexKey(2), "again");
    EXPECT_EQ(store->Get(IndexKey(2)), "again");
    Batch all;
    all.EraseRange(All(kIndexTable));
    ASSERT_TRUE(store->Commit(all));
    EXPECT_TRUE(store->Scan({All(kIndexTable), 1000}).empty());
  }
}

TEST_P(StoreConformance, ARelaxedCommitIsSeenAtOnce) {
  Batch batch;
  batch.Relax();
  batch.ExpectAbsent(QueueKey(1));
  batch.Put(QueueKey(1), "lease");
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_EQ(store->Get(QueueKey(1)), "lease");
  EXPECT_FALSE(store->Commit(batch));
}

TEST_P(StoreConformance, ValuesAndKeysUpToTheLimitsAreStored) {
  std::string key = RecordKey(1) + std::string(limits::kKeyBytesMax - RecordKey(1).size(), 'k');
  std::string value(limits::kValueBytesMax, '\xee');
  Put(key, value);
  EXPECT_TRUE(store->Get(key) == value);
}

TEST_P(StoreConformance, CallsThatBreakTheContractAreRefusedAndChangeNothing) {
  auto refuses = [&](auto fill) {
    Batch batch;
    batch.Put(IndexKey(77), "must not appear");
    fill(batch);
    EXPECT_THROW(store->Commit(batch), std::logic_error);
    EXPECT_EQ(store->Get(IndexKey(77)), std::nullopt);
  };
  refuses([](Batch& b) { b.Put(RecordKey(1) + std::string(limits::kKeyBytesMax, 'k'), "v"); });
  refuses([](Batch& b) { b.Put(RecordKey(1), std::string(limits::kValueBytesMax + 1, 'v')); });
  refuses([](Batch& b) { b.Put("\x01\x01\xff of no table", "v"); });
  refuses([](Batch& b) { b.Put("\x01", "v"); });
  refuses([](Batch& b) { b.ExpectAbsent("\x01\x01\xff of no table"); });
  refuses([](Batch& b) { b.Erase(IndexKey(77)); });
  refuses([](Batch& b) { b.Add(IndexKey(77), 1); });
  refuses([](Batch& b) { b.EraseRange({IndexKey(70), IndexKey(78)}); });
  refuses([](Batch& b) { b.EraseRange({IndexKey(1), QueueKey(1)}); });
  refuses([](Batch& b) {
    for (uint64_t i = 0; i < 9; ++i) b.Put(RecordKey(i), std::string(limits::kValueBytesMax, 'v'));
  });
  EXPECT_THROW(store->Get("\x01\x01\xff"), std::logic_error);
  EXPECT_THROW(store->Scan({{IndexKey(1), IndexKey(1, 8)}, 1}), std::logic_error);
  EXPECT_THROW(store->Scan({All(kIndexTable), limits::kScanRowsMax + 1}), std::logic_error);
}

TEST_P(StoreConformance, CommitWithRetryGivesUpWithAConflict) {
  int tries = 0;
  try {
    CommitWithRetry(*store, [&](Batch& batch) {
      ++tries;
      batch.ExpectPresent(RecordKey(404));
    });
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConflict);
  }
  EXPECT_EQ(tries, static_cast<int>(limits::kCommitAttemptsMax));
}

// Runs `work(i)` in `count` threads at once.
inline void InThreads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
}

TEST_P(StoreConformance, ConcurrentAddsAreAllCounted) {
  constexpr int kThreads = 8, kRounds = 50;
  InThreads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) CommitAdd(RecordKey(1), 1);
  });
  EXPECT_EQ(CounterAt(RecordKey(1)), kThreads * kRounds);
}

TEST_P(StoreConformance, ConcurrentReadModifyWritesLoseNoUpdate) {
  constexpr int kThreads = 6, kRounds = 30;
  InThreads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      for (bool committed = false; !committed;) {
        auto before = store->Get(RecordKey(1));
        Batch batch;
        batch.ExpectUnchanged(RecordKey(1), before);
        batch.Put(RecordKey(1), std::to_string(before ? std::stoi(*before) + 1 : 1));
        batch.Add(RecordKey(2), 1);
        batch.Relax();  // the contention matters here, not the disk
        committed = store->Commit(batch);
      }
    }
  });
  EXPECT_EQ(store->Get(RecordKey(1)), std::to_string(kThreads * kRounds));
  EXPECT_EQ(CounterAt(RecordKey(2)), kThreads * kRounds);
}

TEST_P(StoreConformance, OfManyThatCreateOneKeyExactlyOneSucceeds) {
  for (uint64_t round = 0; round < 20; ++round) {
    std::atomic<int> created = 0;
    InThreads(4, [&](int i) {
      Batch batch;
      batch.ExpectAbsent(RecordKey(round));
      batch.Put(RecordKey(round), std::to_string(i));
      batch.Relax();
      if (store->Commit(batch)) ++created;
    });
    EXPECT_EQ(created, 1);
  }
}

TEST_P(StoreConformance, ARangeEraseAndConcurrentPutsNeverLeaveHalfABatch) {
  std::atomic<bool> stop = false;
  std::thread eraser([&] {
    while (!stop) {
      Batch batch;
      batch.EraseRange(All(kIndexTable));
      batch.EraseRange(All(kQueueTable));
      batch.Relax();
      store->Commit(batch);
    }
  });
  InThreads(3, [&](int thread) {
    for (uint64_t i = 0; i < 100; ++i) {
      Batch batch;
      uint64_t n = static_cast<uint64_t>(thread) * 1000 + i;
      batch.Put(IndexKey(n), "half");
      batch.Put(QueueKey(n), "half");
      batch.Relax();
      store->Commit(batch);
    }
  });
  stop = true;
  eraser.join();
  auto index = store->Scan({All(kIndexTable), limits::kScanRowsMax});
  auto queue = store->Scan({All(kQueueTable), limits::kScanRowsMax});
  ASSERT_EQ(index.size(), queue.size());
  for (size_t i = 0; i < index.size(); ++i) {
    EXPECT_EQ(KeyReader(index[i].key).Uint(), KeyReader(queue[i].key).Uint());
  }
}

// Each pair expects or erases what the other one writes. Whichever comes first, only one of the two
// orders can be told from the result.
TEST_P(StoreConformance, BatchesThatCrossEachOtherHaveAnOrder) {
  using Fill = std::function<void(Batch&, const std::string& mine, const std::string& theirs)>;
  const Fill fills[] = {
      [](Batch& b, const std::string&, const std::string& theirs) { b.ExpectAbsent(theirs); },
      [](Batch& b, const std::string&, const std::string& theirs) { b.Erase(theirs); },
      [](Batch& b, const std::string&, const std::string& theirs) {
        b.EraseRange({theirs, theirs + '\xff'});
      },
  };
  uint64_t n = 0;
  for (const Fill& fill : fills) {
    for (int round = 0; round < 25; ++round, n += 2) {
      const std::string keys[] = {IndexKey(n, 6), IndexKey(n + 1, 8)};
      InThreads(2, [&](int i) {
        Batch batch;
        fill(batch, keys[i], keys[1 - i]);
        batch.Put(keys[i], "v");
        batch.Relax();
        store->Commit(batch);
      });
      EXPECT_NE(store->Get(keys[0]).has_value(), store->Get(keys[1]).has_value());
    }
  }
}

// The obvious implementation, against which random histories are compared.
class StoreModel {
 public:
  bool Commit(const Batch& batch) {
    for (const auto& expectation : batch.expectations()) {
      auto found = rows.find(expectation.key);
      bool present = found != rows.end();
      if (expectation.condition == Batch::Condition::kAbsent ? present : !present) return false;
      if (expectation.condition == Batch::Condition::kEquals &&
          found->second != expectation.value) {
        return false;
      }
    }
    for (const auto& write : batch.writes()) {
      if (write.kind == Batch::Kind::kPut) rows[write.key] = write.value;
      if (write.kind == Batch::Kind::kErase) rows.erase(write.key);
      if (write.kind == Batch::Kind::kAdd) {
        std::string& value = rows.try_emplace(write.key, EncodeCounter(0)).first->second;
        value = EncodeCounter(DecodeCounter(value) + write.delta);
      }
      if (write.kind == Batch::Kind::kEraseRange) {
        std::erase_if(rows, [&](const auto& row) {
          return write.key <= row.first && row.first < write.value;
        });
      }
    }
    return true;
  }
  std::optional<std::string> Get(const std::string& key) const {
    auto found = rows.find(key);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<Row> Scan(const ScanRequest& request) const {
    std::vector<Row> found;
    for (const auto& [key, value] : rows) {
      if (request.range.begin <= key && key < request.range.end) found.push_back({key, value});
    }
    if (request.direction == Direction::kBackward) std::ranges::reverse(found);
    if (found.size() > request.limit) found.resize(request.limit);
    return found;
  }

  std::map<std::string, std::string> rows;
};

// Draws batches and scans over few keys, so that they meet often.
class RandomHistory {
 public:
  explicit RandomHistory(uint32_t seed) : engine_(seed) {}

  unsigned Below(unsigned bound) { return static_cast<unsigned>(engine_() % bound); }

  // Counters live in keys of their own: an addition to a plain value is a mistake.
  std::string PlainKey() {
    unsigned n = Below(12), partition = 6 + Below(3);
    return Below(2) == 0 ? IndexKey(n, partition) : RecordKey(n, partition);
  }
  std::string CounterKey() { return QueueKey(Below(6), 6 + Below(3)); }

  KeyRange Range() {
    unsigned partition = 6 + Below(3), begin = Below(12), end = Below(13);
    switch (Below(3)) {
      case 0:
        return {IndexKey(begin, partition), IndexKey(end, partition)};
      case 1:
        return {RecordKey(begin, partition), RecordKey(end, partition)};
      default:
        return {QueueKey(begin, partition), QueueKey(end, partition)};
    }
  }

  Batch NextBatch(const StoreModel& model) {
    Batch batch;
    std::map<std::string, bool> touched;
    for (unsigned i = Below(3); i > 0; --i) Expect(batch, model);
    if (Below(8) == 0) {
      batch.EraseRange(Range());
      return batch;
    }
    for (unsigned i = 1 + Below(4); i > 0; --i) {
      if (Below(3) == 0) {
        std::string key = CounterKey();
        if (touched.try_emplace(key).second) batch.Add(key, static_cast<int>(Below(100)) - 50);
        continue;
      }
      std::string key = PlainKey();
      if (!touched.try_emplace(key).second) continue;
      if (Below(3) == 0) {
        batch.Erase(key);
      } else {
        batch.Put(key, std::string(Below(200), static_cast<char>('a' + Below(26))));
      }
    }
    return batch;
  }

 private:
  void Expect(Batch& batch, const StoreModel& model) {
    std::string key = Below(4) == 0 ? CounterKey() : PlainKey();
    if (Below(4) == 0) {
      Below(2) == 0 ? batch.ExpectAbsent(key) : batch.ExpectPresent(key);
    } else {
      batch.ExpectUnchanged(key, model.Get(key));
    }
  }

  std::mt19937 engine_;
};

TEST_P(StoreConformance, ARandomHistoryAgreesWithTheModel) {
  auto seed = static_cast<uint32_t>(SystemRandom().Bits());
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomHistory history(seed);
  StoreModel model;
  for (int step = 0; step < 3000; ++step) {
    Batch batch = history.NextBatch(model);
    batch.Relax();
    ASSERT_EQ(store->Commit(batch), model.Commit(batch)) << "step " << step;
    KeyList keys = {history.PlainKey(), history.CounterKey(), history.PlainKey()};
    auto values = store->MultiGet(keys);
    for (size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(values[i], model.Get(keys[i])) << step;
    ScanRequest scan{history.Range(), history.Below(8),
                     history.Below(2) == 0 ? Direction::kForward : Direction::kBackward};
    auto rows = store->Scan(scan);
    auto expected = model.Scan(scan);
    ASSERT_EQ(rows.size(), expected.size()) << "step " << step;
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i].key, expected[i].key) << "step " << step;
      ASSERT_EQ(rows[i].value, expected[i].value) << "step " << step;
    }
  }
}

}  // namespace stampede::store::testing
