#include "net/rate_limit.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace stampede::net {
namespace {

constexpr size_t kShards = 16;

struct Counter {
  int64_t reset_ms = 0;
  int64_t used = 0;
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

using Counters = std::unordered_map<std::string, Counter, TextHash, std::equal_to<>>;

// Makes room for at least one more: what has ended goes, and if that is not enough the eighth that
// ends first. So a flood of new subjects costs each of them a constant share.
void Evict(Counters& counters, int64_t now_ms, size_t counters_max) {
  std::erase_if(counters, [&](const auto& entry) { return entry.second.reset_ms <= now_ms; });
  if (counters.size() < counters_max) return;
  std::vector<int64_t> ends;
  ends.reserve(counters.size());
  for (const auto& [key, counter] : counters) ends.push_back(counter.reset_ms);
  size_t excess = std::max<size_t>(ends.size() / 8, 1);
  auto last = ends.begin() + static_cast<ptrdiff_t>(excess - 1);
  std::nth_element(ends.begin(), last, ends.end());
  std::erase_if(counters, [&, cut = *last](const auto& entry) {
    return entry.second.reset_ms <= cut && excess > 0 && excess-- > 0;
  });
}

}  // namespace

struct RateLimiter::Impl {
  struct Shard {
    Mutex mutex;
    Counters counters STAMPEDE_GUARDED_BY(mutex);
  };

  Clock& clock;
  size_t counters_max;  // of one shard
  Shard shards[kShards];
};

RateLimiter::RateLimiter(Clock& clock, size_t keys_max)
    : impl_(new Impl{.clock = clock, .counters_max = std::max<size_t>(keys_max / kShards, 1)}) {}

RateLimiter::~RateLimiter() = default;

RateLimiter::Result RateLimiter::Use(const Rule& rule, std::string_view subject) {
  STAMPEDE_CHECK(rule.window_s > 0);
  thread_local std::string key;  // keeps its memory from call to call
  key.assign(rule.name).append(1, '\0').append(subject);

  int64_t now_ms = impl_->clock.NowMs();
  int64_t window_ms = rule.window_s * 1000;
  int64_t reset_ms = (now_ms / window_ms + 1) * window_ms;
  Impl::Shard& shard = impl_->shards[TextHash()(key) / 7 % kShards];
  MutexLock lock(shard.mutex);
  auto found = shard.counters.find(std::string_view(key));
  if (found == shard.counters.end()) {
    if (shard.counters.size() >= impl_->counters_max) {
      Evict(shard.counters, now_ms, impl_->counters_max);
    }
    found = shard.counters.emplace(key, Counter{}).first;
  }
  Counter& counter = found->second;
  if (counter.reset_ms != reset_ms) counter = {.reset_ms = reset_ms, .used = 0};
  ++counter.used;
  return {.limit = rule.count,
          .remaining = std::max<int64_t>(rule.count - counter.used, 0),
          .reset_ms = reset_ms,
          .allowed = counter.used <= rule.count};
}

}  // namespace stampede::net
