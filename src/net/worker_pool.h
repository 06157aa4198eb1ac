#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/signal.h"

namespace stampede::net {

// A fixed number of threads that run jobs from one bounded queue, oldest first. Thread-safe. The
// thread that became idle last is woken first, so a light load runs on few threads with warm caches,
// and the others sleep. One thread at a time is on its way from sleep to work: it wakes the next one
// if there is still something to do by then, which often a thread that was awake has done.
//
// Jobs that compute gain nothing from more threads than processors, and those that wait for
// something else need them. So up to `preferred` threads work as long as the queue moves; when its
// oldest job has waited for kPatienceUs, those at work are taken to be stuck, and one more is woken.
class WorkerPool {
 public:
  static constexpr int64_t kPatienceUs = 50'000;

  class Job {
   public:
    virtual ~Job() = default;
    // Must not throw.
    virtual void Run() = 0;
  };

  WorkerPool(int workers, int preferred, size_t queue_max);
  ~WorkerPool() { Stop(); }

  // False when the queue is full or the pool has stopped.
  bool TryPush(std::shared_ptr<Job> job);
  // Wakes one more thread if the oldest job has waited too long. TryPush does, too; this is for when
  // nobody comes: call it a few times a second.
  void Nudge();
  // Waits for the jobs that run and drops those that wait. Afterwards no job runs.
  void Stop();

 private:
  struct Waiting {
    std::shared_ptr<Job> job;
    int64_t since_us;
  };

  void Work();
  // Whether one more than those at work should be; the queue is not empty.
  bool WantsMore() const STAMPEDE_REQUIRES(mutex_);
  // The idle thread to wake now, if any, once the mutex is released.
  Signal* NextToWake() STAMPEDE_REQUIRES(mutex_);
  // The next job; null when stopped.
  std::shared_ptr<Job> Take();

  const size_t workers_;
  const size_t preferred_;
  const size_t queue_max_;
  Mutex mutex_;
  std::vector<Signal*> idle_ STAMPEDE_GUARDED_BY(mutex_);  // of the idle threads, on their stacks
  std::deque<Waiting> queue_ STAMPEDE_GUARDED_BY(mutex_);
  bool waking_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopped_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace stampede::net
