#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "base/ids.h"

namespace stampede::cli {

namespace {
constexpr int64_t kTerminalUs = 500'000;
constexpr int64_t kPlainUs = 10'000'000;
constexpr double kMiB = 1024 * 1024;
}  // namespace

ProgressLine::ProgressLine(std::string what, const store::WalkProgress& progress, Clock& clock)
    : what_(std::move(what)),
      progress_(progress),
      clock_(clock),
      started_us_(clock.MonotonicUs()),
      terminal_(isatty(STDERR_FILENO) == 1),
      thread_([this] { Loop(); }) {}

ProgressLine::~ProgressLine() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  thread_.join();
}

void ProgressLine::Loop() {
  MutexLock lock(mutex_);
  int64_t every_us = terminal_ ? kTerminalUs : kPlainUs;
  int64_t next_us = started_us_ + every_us;
  while (!stopping_) {
    int64_t now_us = clock_.MonotonicUs();
    if (now_us < next_us) {
      stop_.WaitFor(mutex_, next_us - now_us);
      continue;
    }
    next_us = now_us + every_us;
    // On a terminal the line is cleared before it is drawn.
    std::cerr << (terminal_ ? "\r\033[K" + Describe() : Describe() + "\n") << std::flush;
  }
  if (terminal_) std::cerr << "\r\033[K" << std::flush;
}

std::string ProgressLine::Describe() const {
  double seconds = static_cast<double>(clock_.MonotonicUs() - started_us_) / 1e6;
  double share = static_cast<double>(progress_.partitions) / kPartitionCount;
  uint64_t bytes = progress_.bytes;
  // Partitions are filled by hashes, so they are about equal.
  std::string left = share > 0 ? Duration(static_cast<int64_t>(seconds / share - seconds)) : "?";
  return fmt::format("{}: {:.0f} %, {} rows, {:.1f} MB/s, {} left", what_, share * 100,
                     Grouped(progress_.rows), static_cast<double>(bytes) / 1e6 / seconds, left);
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string Size(uint64_t bytes) {
  double mib = static_cast<double>(bytes) / kMiB;
  return mib < 10 ? fmt::format("{} KiB", bytes / 1024) : fmt::format("{:.0f} MiB", mib);
}

std::string Duration(int64_t seconds) {
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace stampede::cli
