#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/records.pb.h"
#include "jobs/jobs.h"
#include "store/store.h"

namespace stampede::jobs {

// A job that this runner holds the lease of. `value` is the row as we last wrote it: whoever writes
// with the expectation that it is unchanged still holds the lease.
struct Held {
  Held(std::string k, events::proto::JobRecord r, std::string v, int64_t since)
      : key(std::move(k)),
        record(std::move(r)),
        since_ms(since),
        value(std::move(v)),
        lease_until_ms(record.lease_until_ms()) {}

  const std::string key;
  const events::proto::JobRecord record;  // as claimed; for what does not change
  const int64_t since_ms;

  Mutex mutex;
  std::string value STAMPEDE_GUARDED_BY(mutex);
  int64_t lease_until_ms STAMPEDE_GUARDED_BY(mutex);
  // Its last word is being written: no more renewals.
  bool ending STAMPEDE_GUARDED_BY(mutex) = false;
};

// The job rows in the store: who works on what. Thread-safe; keeps nothing in memory. All commits
// are relaxed: what a crash takes back is at worst done again. Throws what the store throws.
class Leases {
 public:
  Leases(store::Store& store, Clock& clock, uint64_t owner, Sharing sharing, int64_t lease_ms)
      : store_(store), clock_(clock), owner_(owner), sharing_(sharing), lease_ms_(lease_ms) {}

  // A job that is not ours now: look again at `run_at_ms`.
  struct Later {
    std::string key;
    int64_t run_at_ms;
  };
  struct Claims {
    std::vector<std::shared_ptr<Held>> held;
    std::vector<Later> later;
    std::vector<std::string> gone;  // done by somebody else
  };
  // Takes the leases of the jobs at `keys`, all in one commit if nobody interferes. A job whose
  // last worker vanished may have been its death, so it is claimed alone: it shall not drag others
  // along.
  Claims Claim(std::span<const std::string> keys);
  // Extends the lease if a third of it has passed. Not for ever: a handler that hangs loses its
  // job.
  void Renew(Held& held);
  // Gives back a job that was not begun.
  void Release(Held& held);
  // Puts a failed job off. The new key, or nullopt when the lease was lost.
  std::optional<std::string> PutOff(Held& held, int64_t due_ms, std::string_view reason);
  // Moves a job to the dead letters; false when the lease was lost.
  bool Bury(Held& held, std::string_view reason);
  bool StillHeld(Held& held);

  // When the job may run: when due, or when the lease of another runner ends.
  int64_t RunAtMs(std::string_view key, const events::proto::JobRecord& record) const;
  // Calls `visit` for every job due before `before_ms`, until `stop` says so.
  void Sweep(
      int64_t before_ms,
      const std::function<void(const std::string& key, const events::proto::JobRecord&)>& visit,
      const std::function<bool()>& stop);
  std::vector<JobRunner::DeadLetter> DeadLetters(size_t limit);

 private:
  struct Candidate {
    std::string key;
    std::string value;
    events::proto::JobRecord record;
  };
  std::vector<Candidate> Candidates(std::span<const std::string> keys, Claims* claims);
  bool Take(std::span<const Candidate> candidates, Claims* claims);
  // Ends renewals and returns the value that the row must still have.
  static std::string End(Held& held);

  store::Store& store_;
  Clock& clock_;
  const uint64_t owner_;
  const Sharing sharing_;
  const int64_t lease_ms_;
};

}  // namespace stampede::jobs
