#pragma once

#include <atomic>
#include <cstdint>

namespace stampede {

// Where every part of the program gets the time from, so that tests control it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch, UTC. May jump when the machine's clock is set.
  virtual int64_t NowMs() = 0;
  // Microseconds since some fixed point; never goes back. For durations and deadlines.
  virtual int64_t MonotonicUs() = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t NowMs() override;
  int64_t MonotonicUs() override;
};

// Stands still until moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t now_ms = 1'700'000'000'000) : now_us_(now_ms * 1000) {}
  int64_t NowMs() override { return now_us_ / 1000; }
  int64_t MonotonicUs() override { return now_us_; }
  void AdvanceMs(int64_t by_ms) { now_us_ += by_ms * 1000; }

 private:
  std::atomic<int64_t> now_us_;
};

}  // namespace stampede
