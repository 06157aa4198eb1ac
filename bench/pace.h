#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace stampede::bench {

// Times in which the machine itself had less than half of its speed, whatever ran on it.
class SlowTimes {
 public:
  struct Sample {
    int64_t at_us = 0;    // Clock::MonotonicUs, when the arithmetic was done
    int64_t took_ns = 0;  // the same arithmetic each time
  };

  SlowTimes() = default;
  // The samples of each processor, in their order. The median is full speed; a machine has the mean
  // of its processors' speeds.
  explicit SlowTimes(const std::vector<std::vector<Sample>>& processors);

  // From the first sample to the last.
  int64_t watched_us() const { return end_us_ - begin_us_; }
  // Of that time; 0 without samples.
  double share() const { return ShareOf(slow_); }
  int64_t longest_us() const;
  // Whether what was due then had to wait for the machine, at half load: work piles up while the
  // machine is slow, and what speed it has above half works that off.
  bool Delays(int64_t due_us) const;
  double delayed_share() const { return ShareOf(delayed_); }  // of the time, too

 private:
  struct Span {
    int64_t begin_us, end_us;
  };
  using Spans = std::vector<Span>;  // in order, apart
  static void Append(Spans& spans, Span span);
  double ShareOf(const Spans& spans) const;

  int64_t begin_us_ = 0, end_us_ = 0;
  Spans slow_, delayed_;
};

// Watches how fast the machine is while something else is measured: every 2 ms a thread on each
// processor does some microseconds of arithmetic, without memory or system calls, and takes the time
// of that alone; with real-time priority where this process may, so that it is on time. Uses about
// one hundredth of a processor, by estimate.
class Pace {
 public:
  Pace();
  ~Pace();
  // Ends the watch, and says what was seen.
  SlowTimes Stop();

 private:
  void Watch(size_t processor);

  SystemClock clock_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::vector<SlowTimes::Sample>> samples_;  // one thread each
  std::vector<std::thread> threads_;
};

}  // namespace stampede::bench
