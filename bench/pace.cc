#include "bench/pace.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/thread_name.h"

namespace stampede::bench {
namespace {

constexpr auto kPause = std::chrono::milliseconds(2);
constexpr int kTries = 3;
constexpr int kSteps = 2'000;
constexpr double kHalf = 0.5;

// Depends on itself at each step, so that no processor can do several at once.
void DoArithmetic() {
  uint64_t value = 1;
  for (int i = 0; i < kSteps; ++i) {
    value = value * 3 + 1;
    asm volatile("" : "+r"(value));
  }
}

// The quickest of some: an interrupt hits one of them.
int64_t TimeArithmeticNs() {
  using Clock = std::chrono::steady_clock;
  int64_t best_ns = INT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const Clock::time_point begin = Clock::now();
    DoArithmetic();
    best_ns = std::min<int64_t>(best_ns, std::chrono::nanoseconds(Clock::now() - begin).count());
  }
  return best_ns;
}

int64_t MedianNs(std::vector<SlowTimes::Sample> samples) {
  auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::ranges::nth_element(samples, middle, {}, &SlowTimes::Sample::took_ns);
  return middle->took_ns;
}

// How fast one processor was from its sample before to this one; 1 is its full speed.
struct Reading {
  int64_t at_us;
  size_t processor;
  double speed;
};

// In the order of time.
std::vector<Reading> ReadingsOf(const std::vector<std::vector<SlowTimes::Sample>>& processors) {
  std::vector<Reading> readings;
  for (size_t i = 0; i < processors.size(); ++i) {
    if (processors[i].empty()) continue;
    const auto full_ns = static_cast<double>(MedianNs(processors[i]));
    for (const auto& [at_us, took_ns] : processors[i]) {
      readings.push_back({at_us, i, std::min(1.0, full_ns / static_cast<double>(took_ns))});
    }
  }
  std::ranges::sort(readings, {}, &Reading::at_us);
  return readings;
}

}  // namespace

SlowTimes::SlowTimes(const std::vector<std::vector<Sample>>& processors) {
  const std::vector<Reading> readings = ReadingsOf(processors);
  if (readings.empty()) return;
  begin_us_ = readings.front().at_us;
  end_us_ = readings.back().at_us;
  std::vector<double> speeds(processors.size(), 1.0);
  double owed_us = 0;  // work that has piled up, as time at full speed
  int64_t last_us = begin_us_;
  for (const Reading& reading : readings) {
    speeds[reading.processor] = reading.speed;
    const double speed =
        std::accumulate(speeds.begin(), speeds.end(), 0.0) / static_cast<double>(speeds.size());
    const double owed_before_us = owed_us;
    owed_us += static_cast<double>(reading.at_us - last_us) * (kHalf - speed);
    owed_us = std::max(0.0, owed_us);
    const Span span{last_us, reading.at_us};
    if (speed < kHalf) Append(slow_, span);
    if (owed_us > 0 || owed_before_us > 0) Append(delayed_, span);
    last_us = reading.at_us;
  }
}

void SlowTimes::Append(Spans& spans, Span span) {
  if (!spans.empty() && spans.back().end_us == span.begin_us) {
    spans.back().end_us = span.end_us;
  } else {
    spans.push_back(span);
  }
}

double SlowTimes::ShareOf(const Spans& spans) const {
  int64_t sum_us = 0;
  for (const auto& [begin_us, end_us] : spans) sum_us += end_us - begin_us;
  const int64_t all_us = std::max<int64_t>(1, end_us_ - begin_us_);
  return static_cast<double>(sum_us) / static_cast<double>(all_us);
}

int64_t SlowTimes::longest_us() const {
  int64_t longest_us = 0;
  for (const auto& [begin_us, end_us] : slow_) {
    longest_us = std::max(longest_us, end_us - begin_us);
  }
  return longest_us;
}

bool SlowTimes::Delays(int64_t due_us) const {
  auto after = std::ranges::upper_bound(delayed_, due_us, {}, &Span::begin_us);
  return after != delayed_.begin() && due_us <= std::prev(after)->end_us;
}

Pace::Pace() {
  const auto processors = static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN));
  samples_.resize(processors);
  for (size_t i = 0; i < processors; ++i) threads_.emplace_back([this, i] { Watch(i); });
}

Pace::~Pace() { Stop(); }

void Pace::Watch(size_t processor) {
  NameThread("pace");
  // Where a container gives this process other processors, or no real-time priority, the samples
  // come less regularly.
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  const sched_param priority{.sched_priority = 1};
  (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
  while (!stopping_) {
    std::this_thread::sleep_for(kPause);
    const int64_t took_ns = TimeArithmeticNs();
    samples_[processor].push_back({clock_.MonotonicUs(), took_ns});
  }
}

SlowTimes Pace::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return SlowTimes(samples_);
}

}  // namespace stampede::bench
