#include "app/periodic.h"

#include <algorithm>

#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::app {
namespace {

constexpr int64_t kLookUs = 60'000'000;
// A task that takes longer may be begun by another process too.
constexpr int64_t kLeaseMs = 5 * 60'000;

}  // namespace

void Periodic::Add(std::string name, int64_t every_ms, std::function<void()> task) {
  int64_t every_us = every_ms * 1000;
  tasks_.push_back({std::move(name), every_us, clock_.MonotonicUs() + every_us, std::move(task)});
}

void Periodic::Start() {
  thread_ = std::thread([this] {
    NameThread("periodic");
    Loop();
  });
}

void Periodic::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Periodic::RunIfOurTurn(Task& task) {
  const int64_t every_ms = task.every_us / 1000;
  try {
    if (!turns_.Take(task.name, every_ms, std::min(every_ms, kLeaseMs))) return;
    task.run();
    turns_.Done(task.name, every_ms);
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kError, "periodic task failed",
             {{"task", task.name}, {"error", error.what()}});
  }
}

void Periodic::Loop() {
  while (true) {
    int64_t next_us = INT64_MAX;
    for (Task& task : tasks_) {
      if (task.due_us <= clock_.MonotonicUs()) {
        RunIfOurTurn(task);
        // Every process looks, and more often than the task is due: whoever had the last turn may
        // have died in it.
        task.due_us = clock_.MonotonicUs() + std::min(task.every_us, kLookUs);
      }
      next_us = std::min(next_us, task.due_us);
    }
    MutexLock lock(mutex_);
    while (!stopping_ && clock_.MonotonicUs() < next_us) {
      stop_.WaitFor(mutex_, next_us - clock_.MonotonicUs());
    }
    if (stopping_) return;
  }
}

}  // namespace stampede::app
