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
// are live, the oldest windows go first. Counters are lost on restart. Processes that share their
// work tell each other what they counted (TakeUses, AddUses), so a limit holds wherever the requests
// land, but for what was used since they last spoke.
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

  // From now on uses are noted for TakeUses. Before the first Use.
  void Share() { sharing_ = true; }
  // What was used since the last call, for the AddUses of all other processes; at most `bytes_max`,
  // so call again until it is empty.
  std::string TakeUses(size_t bytes_max);
  // Ignores what is malformed or too late.
  void AddUses(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool sharing_ = false;
};

}  // namespace stampede::net
