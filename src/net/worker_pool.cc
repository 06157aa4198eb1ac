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
  }
  wakeup_.NotifyOne();
  return true;
}

void WorkerPool::Stop() {
  std::deque<std::shared_ptr<Job>> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  wakeup_.NotifyAll();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Work() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopped_) wakeup_.Wait(mutex_);
      if (stopped_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job->Run();
  }
}

}  // namespace stampede::net
