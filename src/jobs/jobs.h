#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "events/committer.h"
#include "obs/metrics.h"

namespace stampede::jobs {

// A job being run. The handler does its work and, when it writes, fills `action`, which the runner
// commits together with the job's removal: the effect happens exactly once.
struct Job {
  std::string_view payload;
  int attempt = 1;  // 1 for the first try
  int64_t enqueued_ms = 0;
};

// One row of the job table: what runs a kind of job, and with how many reserved workers, so that
// one kind's backlog never delays another's.
struct JobKind {
  std::string name;  // stored in the job: never renamed
  int workers = 1;
  // Throws to be tried again later, with exponential backoff and full jitter
  // (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); after
  // limits::kJobAttemptsMax tries the job goes to the dead letters with the last reason.
  std::function<void(const Job&, events::Action& action)> run;
};

// How many processes run jobs on one store. The only one need not wait for the leases of a process
// that died before it: they are void.
enum class Sharing { kManyProcesses, kOneProcess };

// The durable queue on the store. Jobs are enqueued by events::Action::Enqueue in the batch of
// their cause. Each is leased to one worker with an expiry, so that a killed worker loses nothing
// and a slow one is not doubled. Thread-safe.
class JobRunner {
 public:
  // A job whose worker was lost is taken over after at most one and a half times `lease_ms`.
  JobRunner(events::Committer& committer, Random& random, obs::Metrics& metrics,
            Sharing sharing = Sharing::kManyProcesses, int64_t lease_ms = limits::kJobLeaseMs);
  ~JobRunner();

  // Before Start.
  void Add(JobKind kind);
  // Starts the workers and the sweep that finds jobs of before the start and of lost workers.
  void Start();
  // Waits for the running jobs; what is queued stays in the store.
  void Stop();
  // For tests: true once no job is due or running, false after `timeout_ms` of real time.
  bool WaitUntilIdle(int64_t timeout_ms);

  struct DeadLetter {
    std::string kind, payload, reason;
    int64_t died_ms;
  };
  std::vector<DeadLetter> DeadLetters(size_t limit);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with calls of the committer's hook that are under way
};

}  // namespace stampede::jobs
