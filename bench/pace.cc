#include "bench/pace.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/thread_name.h"

namespace stampede::bench {
namespace {

constexpr auto kPause = std::chrono::milliseconds(2);
constexpr int kTries = 3;
constexpr int kSteps = 2'000;

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

}  // namespace

SlowTimes::SlowTimes(const std::vector<std::vector<Sample>>& processors) {
  std::vector<Span> slow;
  begin_us_ = INT64_MAX;
  for (const auto& samples : processors) {
    if (samples.empty()) continue;
    begin_us_ = std::min(begin_us_, samples.front().at_us);
    end_us_ = std::max(end_us_, samples.back().at_us);
    const int64_t bound_ns = 2 * MedianNs(samples);
    for (size_t i = 1; i < samples.size(); ++i) {
      if (samples[i].took_ns > bound_ns) slow.push_back({samples[i - 1].at_us, samples[i].at_us});
    }
  }
  slow_ = Merge(std::move(slow));
  std::vector<Span> delayed;
  int64_t until_us = INT64_MIN / 2;
  for (const auto& [begin_us, end_us] : slow_) {
    longest_us_ = std::max(longest_us_, end_us - begin_us);
    const int64_t left_over_us = std::max<int64_t>(0, until_us - begin_us);
    until_us = end_us + left_over_us + (end_us - begin_us);
    delayed.push_back({begin_us, until_us});
  }
  delayed_ = Merge(std::move(delayed));
}

std::vector<SlowTimes::Span> SlowTimes::Merge(std::vector<Span> spans) {
  std::ranges::sort(spans, {}, &Span::begin_us);
  std::vector<Span> merged;
  for (const Span& span : spans) {
    if (!merged.empty() && span.begin_us <= merged.back().end_us) {
      merged.back().end_us = std::max(merged.back().end_us, span.end_us);
    } else {
      merged.push_back(span);
    }
  }
  return merged;
}

double SlowTimes::ShareOf(const std::vector<Span>& spans) const {
  int64_t sum_us = 0;
  for (const auto& [begin_us, end_us] : spans) sum_us += std::min(end_us, end_us_) - begin_us;
  return end_us_ > begin_us_
             ? static_cast<double>(sum_us) / static_cast<double>(end_us_ - begin_us_)
             : 0;
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
