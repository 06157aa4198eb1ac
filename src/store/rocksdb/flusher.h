#pragma once

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"

namespace stampede::store {

// Makes what was written durable, on a thread of its own, and tells those who wait for it. Whoever
// comes while a flush is under way shares the next one, so the dearer a flush, the more share it; no
// thread sleeps per commit. What nobody waits for is durable within kUnaskedUs. Thread-safe.
class Flusher {
 public:
  static constexpr int64_t kUnaskedUs = 1'000'000;
  // Under load a flush begins no sooner after the one before, so that more share it: each costs a
  // tenth of a millisecond of CPU and wakes those whom it tells.
  static constexpr int64_t kGatherUs = 2'000;
  static constexpr size_t kLoad = 4;  // how many the flush before was for, at least

  // Everything that Written() has counted is durable when `flush` returns; what it throws, those who
  // wait for it get. Called by one thread at a time.
  explicit Flusher(std::function<void()> flush);
  ~Flusher() { Stop(); }
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  // Something was written that a later WhenDurable must wait for.
  void Written();
  // Store::WhenDurable.
  void WhenDurable(Store::Then then);
  // Blocks until everything counted so far is durable. Throws what the flush threw.
  void Wait();
  // Flushes for those who still wait, then ends the thread. Idempotent; afterwards nobody may wait.
  void Stop();

 private:
  void Work();
  // What is waited for now, maybe nothing, and what a flush covers. False at the end.
  bool Take(std::vector<Store::Then>* waiting, uint64_t* written);
  void Gather() STAMPEDE_REQUIRES(mutex_);
  // Null, or what went wrong. After a failure nothing is tried until the engine takes writes again.
  std::exception_ptr Flush(uint64_t written);

  const std::function<void()> flush_;
  Mutex mutex_;
  CondVar asked_;
  std::vector<Store::Then> waiting_ STAMPEDE_GUARDED_BY(mutex_);
  uint64_t written_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  uint64_t durable_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  uint64_t failed_ STAMPEDE_GUARDED_BY(mutex_) = 0;   // what the last failed flush was to cover
  bool telling_ STAMPEDE_GUARDED_BY(mutex_) = false;  // a round of callbacks is under way
  bool asleep_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  // The thread's own: of the last failed flush; of the last one, when it began and for how many.
  std::exception_ptr failure_;
  int64_t begun_us_ = 0;
  size_t told_ = 0;
  std::thread thread_;
};

}  // namespace stampede::store
