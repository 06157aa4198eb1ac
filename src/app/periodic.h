#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace stampede::app {

// Runs small tasks again and again, one at a time, on one thread. A task that throws is logged and
// runs again next time. Tasks are idempotent: every node runs them.
class Periodic {
 public:
  explicit Periodic(Clock& clock) : clock_(clock) {}
  ~Periodic() { Stop(); }

  // Before Start. First run after `every_ms`.
  void Add(std::string name, int64_t every_ms, std::function<void()> task);
  void Start();
  void Stop();

 private:
  struct Task {
    std::string name;
    int64_t every_us;
    int64_t due_us;
    std::function<void()> run;
  };
  void Loop();

  Clock& clock_;
  std::vector<Task> tasks_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace stampede::app
