#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "store/postgres/testing/postgres_server.h"
#include "store/test_actions.h"

namespace stampede::store::testing {

// Commits actions from several threads until stopped; each number once.
class CommitLoad {
 public:
  explicit CommitLoad(Store& store, int threads = 6) : store_(store) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~CommitLoad() { Stop(); }
  void Stop() {
    stop_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  size_t acknowledged() {
    MutexLock lock(mutex_);
    return acknowledged_.size();
  }
  void WaitForMore(size_t more) {
    size_t until = acknowledged() + more;
    EXPECT_TRUE(Eventually([&] { return acknowledged() >= until; }));
  }
  // Commits that nobody was told the outcome of.
  size_t unknown() {
    MutexLock lock(mutex_);
    return unknown_.size();
  }
  // Everything acknowledged is there, and nothing else but what nobody could know.
  void ExpectAllIn(Store& store) {
    MutexLock lock(mutex_);
    std::set<uint64_t> present = WholeActions(store);
    EXPECT_TRUE(std::ranges::includes(present, acknowledged_));
    for (uint64_t n : present) EXPECT_TRUE(acknowledged_.contains(n) || unknown_.contains(n)) << n;
  }

 private:
  void Work() {
    while (!stop_) {
      uint64_t n = next_++;
      try {
        EXPECT_TRUE(store_.Commit(ActionOf(n))) << n;  // false: it was in already
        MutexLock lock(mutex_);
        acknowledged_.insert(n);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
        MutexLock lock(mutex_);
        unknown_.insert(n);
      }
    }
  }

  Store& store_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> next_ = 1;
  Mutex mutex_;
  std::set<uint64_t> acknowledged_ STAMPEDE_GUARDED_BY(mutex_);
  std::set<uint64_t> unknown_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace stampede::store::testing
