#include "bench/calm_figure.h"

#include <cstdio>

namespace stampede::bench {

Figure CalmFigure(const std::string& key, const LoadResult& load) {
  const auto ms = [](uint64_t us) { return static_cast<double>(us) / 1000; };
  const Histogram& calm_us = load.calm_us;
  char note[256];
  std::snprintf(
      note, sizeof note,
      "without the %.1f %% of the time in which the processors had less than half of their "
      "speed, up to %.0f ms at once, or that worked off; p50 %.2f ms, p99 %.2f ms, "
      "p99.9 %.2f ms",
      100 * load.slow.delayed_share(), ms(static_cast<uint64_t>(load.slow.longest_us())),
      ms(calm_us.Percentile(50)), ms(calm_us.Percentile(99)), ms(calm_us.Percentile(99.9)));
  return {.key = key + "_calm_p99_ms",
          .text = "– p99 while the machine kept its speed",
          .value = ms(calm_us.Percentile(99)),
          .unit = "ms",
          .note = note};
}

}  // namespace stampede::bench
