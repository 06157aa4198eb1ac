#pragma once

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
class WorkerPool {
 public:
  class Job {
   public:
    virtual ~Job() = default;
    // Must not throw.
    virtual void Run() = 0;
  };

  WorkerPool(int workers, size_t queue_max);
  ~WorkerPool() { Stop(); }

  // False when the queue is full or the pool has stopped.
  bool TryPush(std::shared_ptr<Job> job);
  // Waits for the jobs that run and drops those that wait. Afterwards no job runs.
  void Stop();

 private:
  void Work();
  // Whenever there are jobs and idle threads, one of these is on its way: the one to wake now, if
  // any, once the mutex is released.
  Signal* NextToWake() STAMPEDE_REQUIRES(mutex_);
  // The next job; null when stopped.
  std::shared_ptr<Job> Take();

  const size_t queue_max_;
  Mutex mutex_;
  std::vector<Signal*> idle_ STAMPEDE_GUARDED_BY(mutex_);  // of the idle threads, on their stacks
  std::deque<std::shared_ptr<Job>> queue_ STAMPEDE_GUARDED_BY(mutex_);
  bool waking_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopped_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace stampede::net
