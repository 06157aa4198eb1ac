#include "net/worker_pool.h"

namespace stampede::net {

WorkerPool::WorkerPool(int workers, size_t queue_max) : queue_max_(queue_max) {
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
}

bool WorkerPool::TryPush(std::shared_ptr<Job> job) {
  Signal* wake;
  {
    MutexLock lock(mutex_);
    if (stopped_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(job));
    wake = NextToWake();
  }
  if (wake) wake->Set();
  return true;
}

Signal* WorkerPool::NextToWake() {
  if (waking_ || idle_.empty()) return nullptr;
  waking_ = true;
  Signal* wake = idle_.back();
  idle_.pop_back();
  return wake;
}

void WorkerPool::Stop() {
  std::deque<std::shared_ptr<Job>> dropped;
  std::vector<Signal*> idle;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    idle.swap(idle_);
  }
  for (Signal* wake : idle) wake->Set();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Work() {
  while (std::shared_ptr<Job> job = Take()) job->Run();
}

std::shared_ptr<WorkerPool::Job> WorkerPool::Take() {
  Signal wakeup;
  bool was_idle = false;
  while (true) {
    std::shared_ptr<Job> job;
    Signal* wake = nullptr;
    {
      MutexLock lock(mutex_);
      if (std::exchange(was_idle, false)) waking_ = false;
      if (stopped_) return nullptr;
      if (queue_.empty()) {
        wakeup.Reset();
        idle_.push_back(&wakeup);
      } else {
        job = std::move(queue_.front());
        queue_.pop_front();
        if (!queue_.empty()) wake = NextToWake();
      }
    }
    if (wake) wake->Set();
    if (job) return job;
    wakeup.Wait();
    was_idle = true;
  }
}

}  // namespace stampede::net
