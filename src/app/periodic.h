#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/turns.h"

namespace stampede::app {

// Runs small tasks again and again, one at a time, on one thread. Among the processes of one store
// each task runs once per period, on whichever gets the turn; if that one dies, on another, within
// minutes. A task that throws is logged and runs again. Tasks are idempotent: now and then one runs
// twice.
class Periodic {
 public:
  Periodic(store::Store& store, Clock& clock) : clock_(clock), turns_(store, clock) {}
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
  void RunIfOurTurn(Task& task);

  Clock& clock_;
  events::Turns turns_;
  std::vector<Task> tasks_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace stampede::app
