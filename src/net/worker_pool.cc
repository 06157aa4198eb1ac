#include "net/worker_pool.h"

#include "base/clock.h"
#include "base/thread_name.h"
#include "base/thread_priority.h"

namespace stampede::net {

WorkerPool::WorkerPool(int workers, int preferred, size_t queue_max)
    : workers_(static_cast<size_t>(workers)),
      preferred_(static_cast<size_t>(preferred)),
      queue_max_(queue_max) {
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
}

bool WorkerPool::TryPush(std::shared_ptr<Job> job) {
  Signal* wake;
  {
    MutexLock lock(mutex_);
    if (stopped_ || queue_.size() >= queue_max_) return false;
    queue_.push_back({std::move(job), SystemClock().MonotonicUs()});
    wake = NextToWake();
  }
  if (wake) wake->Set();
  return true;
}

void WorkerPool::Nudge() {
  Signal* wake;
  {
    MutexLock lock(mutex_);
    wake = NextToWake();
  }
  if (wake) wake->Set();
}

bool WorkerPool::WantsMore() const {
  size_t at_work = workers_ - idle_.size();
  return at_work < preferred_ ||
         SystemClock().MonotonicUs() - queue_.front().since_us > kPatienceUs;
}

Signal* WorkerPool::NextToWake() {
  if (waking_ || idle_.empty() || queue_.empty() || !WantsMore()) return nullptr;
  waking_ = true;
  Signal* wake = idle_.back();
  idle_.pop_back();
  return wake;
}

void WorkerPool::Stop() {
  std::deque<Waiting> dropped;
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
  NameThread("worker");
  LowerThread(ThreadPriority::kBegins);  // or what waits for those that finish it grows
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
      bool surplus = workers_ - idle_.size() > preferred_;
      if (queue_.empty() || (surplus && !WantsMore())) {
        wakeup.Reset();
        idle_.push_back(&wakeup);
      } else {
        job = std::move(queue_.front().job);
        queue_.pop_front();
        wake = NextToWake();
      }
    }
    if (wake) wake->Set();
    if (job) return job;
    wakeup.Wait();
    was_idle = true;
  }
}

}  // namespace stampede::net
