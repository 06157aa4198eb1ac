#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/copy/visit.h"

namespace stampede::cli {

// Shows on standard error how far a walk over the partitions of a store is, while it lives: a line
// that is drawn again and again on a terminal, else a line every ten seconds. One thread of its own.
class ProgressLine {
 public:
  // Both outlive this.
  ProgressLine(std::string what, const store::WalkProgress& progress, Clock& clock);
  ~ProgressLine();

 private:
  void Loop();
  std::string Describe() const;

  const std::string what_;
  const store::WalkProgress& progress_;
  Clock& clock_;
  const int64_t started_us_;
  const bool terminal_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// "1,234,567"
std::string Grouped(uint64_t number);
// "12 KiB", "34 MiB"
std::string Size(uint64_t bytes);
// "1:02:03"
std::string Duration(int64_t seconds);

}  // namespace stampede::cli
