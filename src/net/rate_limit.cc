#include "net/rate_limit.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace stampede::net {
namespace {

constexpr size_t kShards = 16;

// Longer than any window of Mastodon's.
constexpr int64_t kWindowMsMax = 7LL * 24 * 3600 * 1000;

struct Counter {
  int64_t reset_ms = 0;
  int64_t used = 0;
  int64_t unsaid = 0;  // of these, what other processes have not been told
};

// By a hash of rule and subject, the same in every process. At 64 bits and some hundred thousand live
// counters, two that share one are not to be expected.
using Counters = std::unordered_map<uint64_t, Counter>;

// What one process tells another of a counter: three numbers of 8 bytes, big-endian.
struct Uses {
  static constexpr size_t kBytes = 24;
  uint64_t key;
  int64_t reset_ms;
  int64_t count;
};

void Append(std::string& bytes, const Uses& uses) {
  for (auto number :
       {uses.key, static_cast<uint64_t>(uses.reset_ms), static_cast<uint64_t>(uses.count)}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
  }
}

Uses ReadUses(std::string_view bytes) {
  uint64_t numbers[3] = {};
  for (size_t i = 0; i < Uses::kBytes; ++i) {
    numbers[i / 8] = numbers[i / 8] << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return {numbers[0], static_cast<int64_t>(numbers[1]), static_cast<int64_t>(numbers[2])};
}

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
    std::vector<uint64_t> unsaid STAMPEDE_GUARDED_BY(mutex);  // counters that have some

    Counter& Find(uint64_t key, int64_t now_ms, size_t counters_max) STAMPEDE_REQUIRES(mutex);
  };
  Shard& ShardOf(uint64_t key) { return shards[key / 7 % kShards]; }

  Clock& clock;
  size_t counters_max;  // of one shard
  Shard shards[kShards];
};

Counter& RateLimiter::Impl::Shard::Find(uint64_t key, int64_t now_ms, size_t counters_max) {
  auto found = counters.find(key);
  if (found != counters.end()) return found->second;
  if (counters.size() >= counters_max) Evict(counters, now_ms, counters_max);
  return counters[key];
}

RateLimiter::RateLimiter(Clock& clock, size_t keys_max)
    : impl_(new Impl{.clock = clock, .counters_max = std::max<size_t>(keys_max / kShards, 1)}) {}

RateLimiter::~RateLimiter() = default;

RateLimiter::Result RateLimiter::Use(const Rule& rule, std::string_view subject) {
  STAMPEDE_CHECK(rule.window_s > 0);
  thread_local std::string key;  // keeps its memory from call to call
  key.assign(rule.name).append(1, '\0').append(subject);

  const uint64_t hash = std::hash<std::string_view>()(key);
  int64_t now_ms = impl_->clock.NowMs();
  int64_t window_ms = rule.window_s * 1000;
  int64_t reset_ms = (now_ms / window_ms + 1) * window_ms;
  Impl::Shard& shard = impl_->ShardOf(hash);
  MutexLock lock(shard.mutex);
  Counter& counter = shard.Find(hash, now_ms, impl_->counters_max);
  if (counter.reset_ms != reset_ms) counter = {.reset_ms = reset_ms};
  if (sharing_ && counter.unsaid++ == 0) shard.unsaid.push_back(hash);
  ++counter.used;
  return {.limit = rule.count,
          .remaining = std::max<int64_t>(rule.count - counter.used, 0),
          .reset_ms = reset_ms,
          .allowed = counter.used <= rule.count};
}

std::string RateLimiter::TakeUses(size_t bytes_max) {
  std::string bytes;
  for (Impl::Shard& shard : impl_->shards) {
    MutexLock lock(shard.mutex);
    while (!shard.unsaid.empty()) {
      if (bytes.size() + Uses::kBytes > bytes_max) return bytes;
      auto found = shard.counters.find(shard.unsaid.back());
      shard.unsaid.pop_back();
      if (found == shard.counters.end() || found->second.unsaid == 0) continue;
      Counter& counter = found->second;
      Append(bytes, {found->first, counter.reset_ms, std::exchange(counter.unsaid, 0)});
    }
  }
  return bytes;
}

void RateLimiter::AddUses(std::string_view bytes) {
  const int64_t now_ms = impl_->clock.NowMs();
  for (; bytes.size() >= Uses::kBytes; bytes.remove_prefix(Uses::kBytes)) {
    const Uses uses = ReadUses(bytes);
    if (uses.count <= 0 || uses.reset_ms <= now_ms || uses.reset_ms > now_ms + kWindowMsMax) {
      continue;
    }
    Impl::Shard& shard = impl_->ShardOf(uses.key);
    MutexLock lock(shard.mutex);
    Counter& counter = shard.Find(uses.key, now_ms, impl_->counters_max);
    if (counter.reset_ms > uses.reset_ms) continue;
    if (counter.reset_ms < uses.reset_ms) counter = {.reset_ms = uses.reset_ms};
    counter.used = std::min(counter.used, INT64_MAX - uses.count) + uses.count;
  }
}

}  // namespace stampede::net
