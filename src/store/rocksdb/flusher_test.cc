#include "store/rocksdb/flusher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "base/signal.h"

namespace stampede::store {
namespace {

// A flush that waits until it is let go.
class Gate {
 public:
  void Pass() {
    MutexLock lock(mutex_);
    ++entered_;
    changed_.NotifyAll();
    while (open_ < entered_) changed_.Wait(mutex_);
  }
  void AwaitEntered(int count) {
    MutexLock lock(mutex_);
    while (entered_ < count) changed_.Wait(mutex_);
  }
  void Open(int count) {
    MutexLock lock(mutex_);
    open_ = count;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int entered_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  int open_ STAMPEDE_GUARDED_BY(mutex_) = 0;
};

TEST(Flusher, WhatIsDurableAlreadyIsToldAtOnce) {
  int flushes = 0;
  Flusher flusher([&] { ++flushes; });
  std::thread::id told;
  flusher.WhenDurable([&](std::exception_ptr) { told = std::this_thread::get_id(); });
  EXPECT_EQ(told, std::this_thread::get_id());
  flusher.Written();
  flusher.Wait();
  flusher.Wait();
  EXPECT_EQ(flushes, 1);
}

TEST(Flusher, ThoseWhoComeDuringAFlushShareTheNextOneInOrder) {
  Gate gate;
  std::vector<int> told;
  {
    Flusher flusher([&] { gate.Pass(); });
    flusher.Written();
    flusher.WhenDurable([&](std::exception_ptr) { told.push_back(0); });
    gate.AwaitEntered(1);
    for (int i = 1; i <= 5; ++i) {
      flusher.Written();
      flusher.WhenDurable([&told, i](std::exception_ptr) { told.push_back(i); });
    }
    EXPECT_TRUE(told.empty());
    gate.Open(2);
  }
  EXPECT_EQ(told, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(Flusher, UnderLoadEverybodyIsToldAndEndingDoesNotWaitForMore) {
  std::atomic<int> told = 0;
  constexpr int kWaiting = 1'000;
  {
    Flusher flusher([] {});
    for (int i = 0; i < kWaiting; ++i) {
      flusher.Written();
      flusher.WhenDurable([&](std::exception_ptr) { ++told; });
    }
  }
  EXPECT_EQ(told, kWaiting);
}

TEST(Flusher, WhatNobodyWaitsForIsFlushedToo) {
  Signal flushed;
  Flusher flusher([&] { flushed.Set(); });
  flusher.Written();
  flushed.Wait();
}

TEST(Flusher, AFailedFlushIsToldAndTriedAgainWithTheNextWrite) {
  std::atomic<bool> fails = true;
  Flusher flusher([&] {
    if (fails) throw std::runtime_error("disk");
  });
  flusher.Written();
  EXPECT_THROW(flusher.Wait(), std::runtime_error);
  EXPECT_THROW(flusher.Wait(), std::runtime_error) << "still not durable";
  fails = false;
  EXPECT_THROW(flusher.Wait(), std::runtime_error);
  flusher.Written();
  EXPECT_NO_THROW(flusher.Wait());
}

}  // namespace
}  // namespace stampede::store
