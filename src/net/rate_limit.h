#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace stampede::net {

// Counts requests in fixed windows aligned to multiples of their length since the epoch, as
// Mastodon's do (docs.joinmastodon.org/api/rate-limits). Thread-safe, bounded: when too many keys
// are live, the oldest windows go first. Counters are this process's own and lost on restart.
class RateLimiter {
 public:
  struct Rule {
    std::string_view name;  // distinguishes counters of one subject
    int64_t count = 0;
    int64_t window_s = 0;
  };
  struct Result {
    int64_t limit = 0;
    int64_t remaining = 0;
    int64_t reset_ms = 0;  // Unix time at which the window ends
    bool allowed = true;
  };

  RateLimiter(Clock& clock, size_t keys_max);
  ~RateLimiter();

  // Counts one use by `subject` and says what is left.
  Result Use(const Rule& rule, std::string_view subject);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::net
