#include "net/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace stampede::net {
namespace {

class Call final : public WorkerPool::Job {
 public:
  explicit Call(std::function<void()> call) : call_(std::move(call)) {}
  void Run() override { call_(); }

 private:
  std::function<void()> call_;
};

std::shared_ptr<Call> Make(std::function<void()> call) {
  return std::make_shared<Call>(std::move(call));
}

TEST(WorkerPool, ThreadsThatAreStuckAreMadeUpForByOthers) {
  Signal release[5], done;  // outlive the pool, whose threads still look at them
  WorkerPool pool(/*workers=*/8, /*preferred=*/2, /*queue_max=*/100);
  for (Signal& signal : release) ASSERT_TRUE(pool.TryPush(Make([&] { signal.Wait(); })));
  ASSERT_TRUE(pool.TryPush(Make([&] { done.Set(); })));
  std::atomic<bool> over = false;
  std::thread nudges([&] {
    while (!over) pool.Nudge();
  });
  done.Wait();
  over = true;
  nudges.join();
  for (Signal& signal : release) signal.Set();
}

TEST(WorkerPool, AFullQueueTakesNoMoreAndAStoppedPoolNothing) {
  Signal started, release;
  WorkerPool pool(/*workers=*/1, /*preferred=*/1, /*queue_max=*/1);
  ASSERT_TRUE(pool.TryPush(Make([&] {
    started.Set();
    release.Wait();
  })));
  started.Wait();
  EXPECT_TRUE(pool.TryPush(Make([] {})));
  EXPECT_FALSE(pool.TryPush(Make([] {})));
  release.Set();
  pool.Stop();
  EXPECT_FALSE(pool.TryPush(Make([] {})));
}

}  // namespace
}  // namespace stampede::net
