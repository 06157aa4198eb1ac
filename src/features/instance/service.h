#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "events/committer.h"

namespace stampede::instance {

struct Stats {
  int64_t users = 0;             // who may use their account
  int64_t statuses = 0;          // local ones
  int64_t active_month = 0;      // users of the last 28 days
  int64_t active_half_year = 0;  // users of the last 180 days
};

struct Week {
  int64_t start_ms = 0;
  int64_t statuses = 0;
  int64_t active = 0;
  int64_t sign_ups = 0;
};

// What the server knows about itself: its counters and its own keys. Thread-safe.
class InstanceService {
 public:
  // The statistics are counted in `counted`, which may be some moments behind; by default in the
  // committer's store.
  InstanceService(events::Committer& committer, Random& random, store::Store* counted = nullptr);

  // At most a minute old, because everybody asks.
  Stats GetStats();
  // The last twelve weeks, this one first, at most a minute old.
  std::vector<Week> Activity();

  // The public Web Push key, base64url; drawn when first asked for, then always the same.
  std::string VapidPublicKey();

 private:
  struct Snapshot {
    int64_t taken_ms = INT64_MIN;
    Stats stats;
    std::vector<Week> weeks;
  };
  Snapshot Current();
  Snapshot Count(int64_t now_ms);

  events::Committer& committer_;
  store::Store& counted_;
  Random& random_;
  Mutex mutex_;
  Snapshot snapshot_ STAMPEDE_GUARDED_BY(mutex_);
  std::string vapid_public_ STAMPEDE_GUARDED_BY(mutex_);
};

}  // namespace stampede::instance
