#include "store/records.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "base/error.h"
#include "store/memory/memory_store.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

using testing::IndexKey;
using testing::RecordKey;

// Parses like a protobuf message: that is all that Records asks of a type.
struct Note {
  bool ParseFromString(const std::string& value) {
    text = value;
    return value != "broken";
  }
  std::string text;
};
struct Picture : Note {};

class RecordsTest : public ::testing::Test {
 protected:
  void Put(const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(key, value);
    ASSERT_TRUE(store_.Commit(batch));
  }
  // From now on, counts round trips and keys.
  void CountLoads() {
    store_.set_read_hook([this](std::span<const std::string> keys) {
      ++trips_;
      loaded_ += keys.size();
    });
  }
  // From now on, reads of `key` announce themselves and wait for a release.
  void HoldReadsOf(const std::string& key) {
    store_.set_read_hook([this, key](std::span<const std::string> keys) {
      ++trips_;
      if (std::ranges::find(keys, key) == keys.end()) return;
      arrived_.release();
      proceed_.acquire();
    });
  }

  MemoryStore store_;
  Records records_{store_, 8 * 1024 * 1024};
  std::atomic<size_t> trips_ = 0;
  std::atomic<size_t> loaded_ = 0;
  std::counting_semaphore<> arrived_{0};
  std::counting_semaphore<> proceed_{0};
};

TEST_F(RecordsTest, ARecordIsLoadedOnceAndShared) {
  Put(RecordKey(1), "one");
  CountLoads();
  auto first = records_.Get<Note>(RecordKey(1));
  auto second = records_.Get<Note>(RecordKey(1));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "one");
  EXPECT_EQ(first, second);
  EXPECT_EQ(trips_, 1u);
  EXPECT_EQ(records_.stats().hits, 1u);
  EXPECT_EQ(records_.stats().misses, 1u);
}

TEST_F(RecordsTest, AbsenceIsRemembered) {
  CountLoads();
  EXPECT_FALSE(records_.Get<Note>(RecordKey(1)));
  EXPECT_FALSE(records_.Get<Note>(RecordKey(1)));
  EXPECT_EQ(trips_, 1u);
  Put(RecordKey(1), "one");
  std::string key = RecordKey(1);
  records_.Invalidate({&key, 1});
  ASSERT_TRUE(records_.Get<Note>(RecordKey(1)));
}

TEST_F(RecordsTest, AnAbsentCounterIsZero) {
  auto zero = records_.Get<Counter>(RecordKey(1));
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->value, 0);
  Batch batch;
  batch.Add(RecordKey(2), -5);
  ASSERT_TRUE(store_.Commit(batch));
  EXPECT_EQ(records_.Get<Counter>(RecordKey(2))->value, -5);
}

// A family of counters, as the number of followers and of posts of an account.
const Table kFamily(0xf3, "test_family", Access::kRecord, 3);
enum class Count : uint8_t { kA = 1, kB = 2, kC = 3 };
std::string OwnerKey(uint64_t owner) { return Key(Partition(7), kFamily).Uint(owner); }
std::string CountKey(uint64_t owner, Count count) {
  return Key(Partition(7), kFamily).Uint(owner).Byte(static_cast<uint8_t>(count));
}

TEST_F(RecordsTest, CountersOfAFamilyAreOneRecord) {
  Batch batch;
  batch.Add(CountKey(1, Count::kA), 5);
  batch.Add(CountKey(1, Count::kC), -7);
  batch.Add(CountKey(2, Count::kA), 100);
  ASSERT_TRUE(store_.Commit(batch));
  CountLoads();
  auto counters = records_.Get<Counters>(OwnerKey(1));
  EXPECT_EQ((*counters)[Count::kA], 5);
  EXPECT_EQ((*counters)[Count::kB], 0);
  EXPECT_EQ((*counters)[Count::kC], -7);
  EXPECT_EQ(records_.Get<Counters>(OwnerKey(1)), counters);
  EXPECT_EQ(trips_, 1u);
  EXPECT_EQ(records_.stats().entries, 1u);
}

TEST_F(RecordsTest, ACommitLeavesTheCountersOfAFamilyInTheCache) {
  EXPECT_EQ((*records_.Get<Counters>(OwnerKey(1)))[Count::kA], 0);
  Batch more;
  more.Add(CountKey(1, Count::kA), 5);
  more.Add(CountKey(1, Count::kB), 1);
  more.Add(CountKey(1, Count::kA), 1);
  more.Put(CountKey(1, Count::kC), EncodeCounter(9));
  more.NoteAbsent(OwnerKey(2));
  ASSERT_TRUE(records_.CommitSoon(more));
  Batch erasing;
  erasing.Erase(CountKey(1, Count::kB));
  ASSERT_TRUE(records_.CommitSoon(erasing));
  CountLoads();
  EXPECT_EQ(records_.Get<Counters>(OwnerKey(1))->values, (Counters{{6, 0, 9}}.values));
  EXPECT_EQ(records_.Get<Counters>(OwnerKey(2))->values, Counters().values);
  EXPECT_EQ(trips_, 0u);
}

TEST_F(RecordsTest, AFamilyIsReadAgainWhenOneOfItsCountersIsInvalidated) {
  EXPECT_EQ((*records_.Get<Counters>(OwnerKey(1)))[Count::kB], 0);
  Batch batch;
  batch.Add(CountKey(1, Count::kB), 5);
  ASSERT_TRUE(store_.Commit(batch));
  std::string key = CountKey(1, Count::kB);
  records_.Invalidate({&key, 1});
  EXPECT_EQ((*records_.Get<Counters>(OwnerKey(1)))[Count::kB], 5);
}

TEST_F(RecordsTest, ACommitAddsNothingToACounterThatWasReadAfterIt) {
  // Somebody reads between the store's commit and what it leaves in the cache.
  class ReadBetween final : public Store {
   public:
    explicit ReadBetween(Store& store) : store_(store) {}
    std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
      return store_.MultiGet(keys);
    }
    std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) override {
      return store_.MultiScan(requests);
    }
    bool Commit(const Batch& batch) override {
      bool committed = store_.Commit(batch);
      between();
      return committed;
    }
    std::function<void()> between;

   private:
    Store& store_;
  } store(store_);
  Records records(store, 1024 * 1024);
  store.between = [&] {
    records.Get<Counter>(RecordKey(1));
    records.Get<Counters>(OwnerKey(1));
  };
  Batch batch;
  batch.Add(RecordKey(1), 1);
  batch.Add(CountKey(1, Count::kA), 1);
  ASSERT_TRUE(records.CommitSoon(batch));
  EXPECT_EQ(records.Get<Counter>(RecordKey(1))->value, 1);
  EXPECT_EQ((*records.Get<Counters>(OwnerKey(1)))[Count::kA], 1);
}

TEST_F(RecordsTest, MultiGetLoadsWhatIsMissingInOneTripAndKeepsOrder) {
  for (uint64_t i = 0; i < 4; ++i) Put(RecordKey(i), std::to_string(i));
  records_.Get<Note>(RecordKey(2));
  CountLoads();
  std::vector<std::string> keys = {RecordKey(3), RecordKey(2), RecordKey(9), RecordKey(0),
                                   RecordKey(3)};
  auto notes = records_.MultiGet<Note>(keys);
  ASSERT_EQ(notes.size(), 5u);
  EXPECT_EQ(notes[0]->text, "3");
  EXPECT_EQ(notes[1]->text, "2");
  EXPECT_FALSE(notes[2]);
  EXPECT_EQ(notes[3]->text, "0");
  EXPECT_EQ(notes[4], notes[0]);
  EXPECT_EQ(trips_, 1u);
  EXPECT_EQ(loaded_, 3u);
  EXPECT_TRUE(records_.MultiGet<Note>({}).empty());
  EXPECT_EQ(trips_, 1u);
}

TEST_F(RecordsTest, AFetchOfSeveralTypesIsOneTrip) {
  Put(RecordKey(1), "note");
  Put(IndexKey(1), "picture");
  Batch batch;
  batch.Add(RecordKey(2), 7);
  ASSERT_TRUE(store_.Commit(batch));
  CountLoads();
  RecordFetch fetch(records_);
  const auto& note = fetch.Want<Note>(RecordKey(1));
  const auto& picture = fetch.Want<Picture>(IndexKey(1));
  const auto& count = fetch.Want<Counter>(RecordKey(2));
  const auto& absent = fetch.Want<Note>(RecordKey(3));
  const auto& again = fetch.Want<Note>(RecordKey(1));
  fetch.Run();
  EXPECT_EQ(trips_, 1u);
  EXPECT_EQ(loaded_, 4u);
  EXPECT_EQ(note->text, "note");
  EXPECT_EQ(picture->text, "picture");
  EXPECT_EQ(count->value, 7);
  EXPECT_FALSE(absent);
  EXPECT_EQ(again, note);
  const auto& later = fetch.Want<Picture>(IndexKey(2));
  fetch.Run();
  EXPECT_FALSE(later);
  EXPECT_EQ(note->text, "note");
  EXPECT_EQ(loaded_, 5u);
}

TEST_F(RecordsTest, ManyWhoMissAtOnceCauseOneLoad) {
  Put(RecordKey(1), "one");
  HoldReadsOf(RecordKey(1));
  constexpr uint64_t kCallers = 8;
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (uint64_t i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] { right += records_.Get<Note>(RecordKey(1))->text == "one"; });
  }
  while (records_.stats().misses < kCallers) std::this_thread::yield();
  proceed_.release();
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(right, static_cast<int>(kCallers));
  EXPECT_EQ(trips_, 1u);
}

TEST_F(RecordsTest, ALoadOvertakenByAnInvalidationIsReturnedButNotKept) {
  Put(RecordKey(1), "old");
  std::string key = RecordKey(1);
  // The reader has its value when the writer commits; it finishes only afterwards.
  std::shared_ptr<const Note> seen_by_reader;
  HoldReadsOf(key);
  std::thread reader([&] { seen_by_reader = records_.Get<Note>(key); });
  arrived_.acquire();
  store_.set_read_hook(nullptr);
  records_.Invalidate({&key, 1});
  // Whoever asks after the invalidation does not join the overtaken load.
  EXPECT_EQ(records_.Get<Note>(key)->text, "old");
  records_.Invalidate({&key, 1});
  EXPECT_EQ(records_.stats().entries, 0u);
  proceed_.release();
  reader.join();
  EXPECT_EQ(seen_by_reader->text, "old");
  EXPECT_EQ(records_.stats().entries, 0u);
  Put(key, "new");
  EXPECT_EQ(records_.Get<Note>(key)->text, "new");
}

TEST_F(RecordsTest, ALoadOvertakenByClearIsNotKept) {
  Put(RecordKey(1), "old");
  HoldReadsOf(RecordKey(1));
  std::thread reader([&] { records_.Get<Note>(RecordKey(1)); });
  arrived_.acquire();
  records_.Clear();
  proceed_.release();
  reader.join();
  EXPECT_EQ(records_.stats().entries, 0u);
  EXPECT_EQ(records_.stats().bytes, 0u);
}

TEST_F(RecordsTest, TwoCallersThatLeadWhatTheOtherNeedsDoNotBlockEachOther) {
  Put(RecordKey(1), "1");
  Put(RecordKey(2), "2");
  for (int round = 0; round < 200; ++round) {
    records_.Clear();
    std::vector<std::string> forth = {RecordKey(1), RecordKey(2)};
    std::vector<std::string> back = {RecordKey(2), RecordKey(1)};
    std::thread other([&] { records_.MultiGet<Note>(back); });
    records_.MultiGet<Note>(forth);
    other.join();
  }
}

TEST_F(RecordsTest, AFailedLoadReachesEveryWaiterAndIsNotRemembered) {
  Put(RecordKey(1), "one");
  store_.set_read_hook([this](std::span<const std::string>) {
    proceed_.acquire();
    throw Error(ErrorCode::kUnavailable, "gone");
  });
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      try {
        records_.Get<Note>(RecordKey(1));
      } catch (const Error&) {
        ++failures;
      }
    });
  }
  while (records_.stats().misses < 3) std::this_thread::yield();
  proceed_.release();
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failures, 3);
  store_.set_read_hook(nullptr);
  EXPECT_EQ(records_.Get<Note>(RecordKey(1))->text, "one");
}

TEST_F(RecordsTest, AValueThatDoesNotParseIsAFaultOfThatRecordOnly) {
  Put(RecordKey(1), "broken");
  Put(RecordKey(2), "whole");
  std::vector<std::string> keys = {RecordKey(1), RecordKey(2)};
  EXPECT_THROW(records_.MultiGet<Note>(keys), std::runtime_error);
  EXPECT_EQ(records_.Get<Note>(RecordKey(2))->text, "whole");
}

TEST_F(RecordsTest, TheBudgetIsKeptAndWhatIsUsedStays) {
  constexpr size_t kBudget = 200 * 1024;
  Records small(store_, kBudget);
  Batch batch;
  for (uint64_t i = 0; i < 1000; ++i) batch.Put(RecordKey(i), std::string(1000, 'v'));
  ASSERT_TRUE(store_.Commit(batch));
  for (uint64_t i = 0; i < 1000; ++i) {
    small.Get<Note>(RecordKey(i));
    small.Get<Note>(RecordKey(0));  // hot
    EXPECT_LE(small.stats().bytes, kBudget);
  }
  auto before = small.stats();
  EXPECT_GT(before.entries, 50u);
  EXPECT_EQ(before.evictions + before.entries, 1000u);
  small.Get<Note>(RecordKey(0));
  EXPECT_EQ(small.stats().misses, before.misses) << "the hot record was evicted";
  small.Clear();
  EXPECT_EQ(small.stats().entries, 0u);
  EXPECT_EQ(small.stats().bytes, 0u);
}

TEST_F(RecordsTest, WhatExceedsTheBudgetIsReturnedButNotKept) {
  Records none(store_, 0);
  Put(RecordKey(1), "one");
  EXPECT_EQ(none.Get<Note>(RecordKey(1))->text, "one");
  EXPECT_EQ(none.stats().entries, 0u);
}

TEST_F(RecordsTest, AWriterAlwaysReadsItsOwnWriteAmongManyReaders) {
  std::string key = RecordKey(1);
  Put(key, "0");
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      // What one reader sees never goes back: the cache keeps no overtaken load.
      int last = 0;
      while (!stop) {
        int now = std::stoi(records_.Get<Note>(key)->text);
        EXPECT_GE(now, last);
        last = now;
      }
    });
  }
  for (int i = 1; i <= 2000; ++i) {
    Put(key, std::to_string(i));
    records_.Invalidate({&key, 1});
    EXPECT_EQ(records_.Get<Note>(key)->text, std::to_string(i));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace stampede::store
