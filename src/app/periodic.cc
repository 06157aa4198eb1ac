#include "app/periodic.h"

#include "obs/log.h"

namespace stampede::app {

void Periodic::Add(std::string name, int64_t every_ms, std::function<void()> task) {
  int64_t every_us = every_ms * 1000;
  tasks_.push_back({std::move(name), every_us, clock_.MonotonicUs() + every_us, std::move(task)});
}

void Periodic::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Periodic::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Periodic::Loop() {
  while (true) {
    int64_t next_us = INT64_MAX;
    for (Task& task : tasks_) {
      if (task.due_us <= clock_.MonotonicUs()) {
        try {
          task.run();
        } catch (const std::exception& error) {
          obs::Log(obs::LogLevel::kError, "periodic task failed",
                   {{"task", task.name}, {"error", error.what()}});
        }
        task.due_us = clock_.MonotonicUs() + task.every_us;
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
