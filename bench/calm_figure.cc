#include "bench/calm_figure.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace stampede::bench {
namespace {

double Ms(uint64_t us) { return static_cast<double>(us) / 1000; }

Figure CalmFigure(const std::string& key, const LoadResult& load) {
  const Histogram& calm_us = load.calm_us;
  char note[256];
  std::snprintf(
      note, sizeof note,
      "without the %.1f %% of the time in which the processors had less than half of their "
      "speed, up to %.0f ms at once, or that worked off; p50 %.2f ms, p99 %.2f ms, "
      "p99.9 %.2f ms",
      100 * load.slow.delayed_share(), Ms(static_cast<uint64_t>(load.slow.longest_us())),
      Ms(calm_us.Percentile(50)), Ms(calm_us.Percentile(99)), Ms(calm_us.Percentile(99.9)));
  return {.key = key + "_calm_p99_ms",
          .text = "– p99 while the machine kept its speed",
          .value = Ms(calm_us.Percentile(99)),
          .unit = "ms",
          .note = note};
}

// What a request took the server in some seconds.
struct Cost {
  double cpu_s = 0, requests = 0;
  void Add(const LoadResult::Second& second) {
    cpu_s += second.server_cpu_s;
    requests += static_cast<double>(second.latency_us.count());
  }
  double us() const { return requests == 0 ? 0 : 1e6 * cpu_s / requests; }
};

Figure MiddleSecondFigure(const std::string& key, const LoadResult& load) {
  constexpr uint64_t kShortUs = 10'000;
  std::vector<uint64_t> p99_us;
  Cost in_short, in_others;
  for (const LoadResult::Second& second : load.each_second) {
    p99_us.push_back(second.latency_us.Percentile(99));
    if (second.server_cpu_s > 0) (p99_us.back() < kShortUs ? in_short : in_others).Add(second);
  }
  std::ranges::sort(p99_us);
  const auto under = std::ranges::lower_bound(p99_us, kShortUs) - p99_us.begin();
  const double middle_ms = p99_us.empty() ? 0 : Ms(p99_us[p99_us.size() / 2]);
  char note[256];
  std::snprintf(note, sizeof note,
                "each second on its own; %td of %zu are under %.0f ms, the worst has %.2f ms; a "
                "request took the server %.0f µs of CPU in these, %.0f µs in the others",
                under, p99_us.size(), Ms(kShortUs), p99_us.empty() ? 0 : Ms(p99_us.back()),
                in_short.us(), in_others.us());
  return {.key = key + "_middle_second_p99_ms",
          .text = "– p99 of the middle second",
          .value = middle_ms,
          .unit = "ms",
          .note = note};
}

}  // namespace

void AddCalmFigures(Report& report, const std::string& key, const LoadResult& load) {
  report.Add(CalmFigure(key, load));
  report.Add(MiddleSecondFigure(key, load));
}

}  // namespace stampede::bench
