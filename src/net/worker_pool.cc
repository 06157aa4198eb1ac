#include "net/worker_pool.h"

namespace stampede::net {

WorkerPool::WorkerPool(int workers, size_t queue_max) : queue_max_(queue_max) {
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
}

bool WorkerPool::TryPush(std::shared_ptr<Job> job) {
  {
    MutexLock lock(mutex_);
    if (stopped_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(job));
    WakeOne();
  }
  return true;
}

void WorkerPool::WakeOne() {
  if (waking_ || idle_.empty()) return;
  waking_ = true;
  // Under the lock, because the thread may end as soon as it sees the flag.
  idle_.back()->woken = true;
  idle_.back()->wakeup.NotifyOne();
  idle_.pop_back();
}

void WorkerPool::Stop() {
  std::deque<std::shared_ptr<Job>> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    for (Idle* idle : idle_) {
      idle->woken = true;
      idle->wakeup.NotifyOne();
    }
    idle_.clear();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Work() {
  while (std::shared_ptr<Job> job = Take()) job->Run();
}

std::shared_ptr<WorkerPool::Job> WorkerPool::Take() {
  Idle idle;
  MutexLock lock(mutex_);
  while (queue_.empty() && !stopped_) {
    idle.woken = false;
    idle_.push_back(&idle);
    while (!idle.woken) idle.wakeup.Wait(mutex_);
    waking_ = false;
  }
  if (stopped_) return nullptr;
  std::shared_ptr<Job> job = std::move(queue_.front());
  queue_.pop_front();
  if (!queue_.empty()) WakeOne();
  return job;
}

}  // namespace stampede::net
