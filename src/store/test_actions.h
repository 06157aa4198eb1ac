#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

#include "store/store.h"
#include "store/test_support.h"

// Actions whose halves can be told apart, for tests of what a crash leaves. For test programs only.
namespace stampede::store::testing {

// One action as the features write them: halves in different partitions and tables, and a count.
inline constexpr unsigned kLeft = 1, kRight = 2;
inline const std::string kCount = RecordKey(0, 3);

inline Batch ActionOf(uint64_t n) {
  Batch batch;
  batch.ExpectAbsent(RecordKey(n, kLeft));
  batch.Put(RecordKey(n, kLeft), std::to_string(n) + std::string(200, 'x'));
  batch.Put(IndexKey(n, kRight), "");
  batch.Put(QueueKey(n, kRight), "job");
  batch.Add(kCount, 1);
  return batch;
}

inline std::set<uint64_t> NumbersIn(Store& store, const Table& table, unsigned partition) {
  std::set<uint64_t> numbers;
  KeyRange range = KeyRange::Prefix(Key(Partition(partition), table).str());
  for (;;) {
    auto rows = store.Scan({range, 1000});
    for (const Row& row : rows) numbers.insert(KeyReader(row.key).Uint());
    if (rows.size() < 1000) return numbers;
    range.begin = rows.back().key + '\0';
  }
}

// Which actions are there; fails the test if one is there by half, or twice.
inline std::set<uint64_t> WholeActions(Store& store) {
  auto left = NumbersIn(store, kRecordTable, kLeft);
  EXPECT_EQ(left, NumbersIn(store, kIndexTable, kRight));
  EXPECT_EQ(left, NumbersIn(store, kQueueTable, kRight));
  EXPECT_EQ(DecodeCounter(store.Get(kCount)), static_cast<int64_t>(left.size()));
  return left;
}

}  // namespace stampede::store::testing
