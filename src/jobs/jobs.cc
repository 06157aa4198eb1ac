#include "jobs/jobs.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/signal.h"
#include "base/thread_name.h"
#include "events/keys.h"
#include "events/turns.h"
#include "jobs/leases.h"
#include "obs/log.h"

namespace stampede::jobs {
namespace {

constexpr size_t kClaimsAtOnce = 16;
// Jobs due later than this stay in the store until a sweep comes near them.
constexpr int64_t kHorizonMs = 120'000;
constexpr int64_t kSweepRetryUs = 5'000'000;
// Known jobs of one kind. What is beyond waits in the store for the next sweep.
constexpr size_t kWaitingMax = 50'000;
// How soon the background threads notice that the clock was moved.
constexpr int64_t kTimerTickMs = 100;
constexpr int64_t kMaintenanceTickUs = 200'000;
constexpr int64_t kStoreDownMs = 1'000;
constexpr int64_t kBackoffBaseMs = 1'000;
constexpr int64_t kBackoffMaxMs = 6LL * 3600 * 1000;

static_assert(kHorizonMs > limits::kJobLeaseMsMax);  // what comes near is found in time
static_assert(kMaintenanceTickUs < limits::kJobLeaseMsMin * 1000 / 10);

// One kind with its workers. Guarded by Impl::mutex_, except for what is const and the metrics.
struct Lane {
  Lane(JobKind k, obs::Metrics& metrics)
      : kind(std::move(k)),
        done(metrics.AddCounter("stampede_jobs_done_total", "Jobs finished", Labels())),
        failed(metrics.AddCounter("stampede_jobs_failed_total", "Tries that failed", Labels())),
        dead(metrics.AddCounter("stampede_jobs_dead_total", "Jobs given up", Labels())),
        lost(metrics.AddCounter("stampede_jobs_lost_total",
                                "Jobs that another worker took over or finished", Labels())),
        depth(metrics.AddGauge("stampede_jobs_waiting",
                               "Jobs due within two minutes and not begun, as far as known here",
                               Labels())),
        running_now(metrics.AddGauge("stampede_jobs_running", "Jobs being run", Labels())),
        oldest_ms(metrics.AddGauge("stampede_jobs_oldest_due_age_milliseconds",
                                   "How long the most overdue job has been due", Labels())) {}

  obs::Metrics::Labels Labels() const { return {{"kind", kind.name}}; }

  const JobKind kind;
  std::set<std::pair<int64_t, std::string>> waiting;  // when it may run, key
  std::deque<std::shared_ptr<Held>> ready;            // leased, not begun
  std::unordered_set<std::string> known;              // waiting, being claimed, ready or running
  size_t claiming = 0;
  size_t running = 0;
  size_t idle = 0;
  bool overflowed = false;  // the store has due jobs that are not known here
  CondVar wake;
  std::vector<std::thread> threads;

  obs::Counter& done;
  obs::Counter& failed;
  obs::Counter& dead;
  obs::Counter& lost;
  obs::Gauge& depth;
  obs::Gauge& running_now;
  obs::Gauge& oldest_ms;
};

std::string Reason(const std::exception& error) {
  std::string reason = error.what();
  if (auto* refusal = dynamic_cast<const Error*>(&error); refusal && !refusal->detail().empty()) {
    reason += ": " + refusal->detail();
  }
  return reason;
}

}  // namespace

// The schedule in memory and the threads that work on it:
//   - workers, per kind, begun when there is work for them. One that finds nothing ready claims up
//   to
//     kClaimsAtOnce due jobs in one commit and shares them with the others of its kind;
//   - the timer wakes workers when jobs become due;
//   - maintenance sweeps the store for jobs that are not known here, and renews leases.
struct JobRunner::Impl {
  Impl(events::Committer& c, Random& r, obs::Metrics& m, Sharing sharing, int64_t lease_ms)
      : committer(c),
        clock(c.clock()),
        random(r),
        metrics(m),
        sharing(sharing),
        sweep_every_us(lease_ms * 1000 / 2),
        turns(c.store(), c.clock()),
        leases(c.store(), c.clock(), r.Bits() | 1, sharing, lease_ms) {}

  void Add(JobKind kind);
  void Start();
  void Stop();
  bool WaitUntilIdle(int64_t timeout_ms);
  // How many jobs had ended by then; nothing after the deadline.
  std::optional<uint64_t> WaitUntilIdleAsKnown(int64_t deadline_us);
  void Collect();

  void OnJob(std::string_view kind, const std::string& key, int64_t run_at_ms);
  void Insert(Lane& lane, const std::string& key, int64_t run_at_ms) STAMPEDE_REQUIRES(mutex_);
  void Wake(Lane& lane) STAMPEDE_REQUIRES(mutex_);
  bool IsIdle(int64_t now_ms) STAMPEDE_REQUIRES(mutex_);
  bool stopping() STAMPEDE_EXCLUDES(mutex_);

  void Work(Lane& lane);
  bool TakeWork(Lane& lane, std::shared_ptr<Held>* job, std::vector<std::string>* due)
      STAMPEDE_REQUIRES(mutex_);
  void ClaimDue(Lane& lane, const std::vector<std::string>& due);
  void RunJob(Lane& lane, const std::shared_ptr<Held>& held);
  std::optional<std::string> TryUntilCommitted(Lane& lane, Held& held);
  bool CommitEnd(Held& held, events::Action& action);
  std::optional<std::string> Fail(Lane& lane, Held& held, const std::string& reason);
  int64_t BackoffMs(uint32_t attempt);

  void RunTimer();
  void RunMaintenance();
  bool IsOurTurn();
  void Sweep(bool urgent);
  void RenewLeases();
  void ReleaseUnbegun();

  events::Committer& committer;
  Clock& clock;
  Random& random;
  obs::Metrics& metrics;
  const Sharing sharing;
  const int64_t sweep_every_us;
  events::Turns turns;
  Leases leases;

  Mutex mutex_;
  CondVar timer_wake_;
  CondVar maintenance_wake_;
  CondVar ended_;
  std::map<std::string, std::unique_ptr<Lane>, std::less<>> lanes_ STAMPEDE_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::shared_ptr<Held>> held_ STAMPEDE_GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> unknown_kinds_ STAMPEDE_GUARDED_BY(mutex_);
  bool started_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool sweep_wanted_ STAMPEDE_GUARDED_BY(mutex_) = true;
  bool sweeping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  // Every job that was in the store, due before this, is known here, unless its lane overflowed.
  int64_t swept_until_ms_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  uint64_t ends_ STAMPEDE_GUARDED_BY(mutex_) = 0;  // of jobs that this process ran
  int64_t next_sweep_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  std::thread timer_;
  std::thread maintenance_;
};

// ---- the schedule

void JobRunner::Impl::Add(JobKind kind) {
  STAMPEDE_CHECK(kind.workers > 0 && kind.run);
  auto lane = std::make_unique<Lane>(std::move(kind), metrics);
  MutexLock lock(mutex_);
  STAMPEDE_CHECK(!started_);
  bool added = lanes_.emplace(lane->kind.name, std::move(lane)).second;
  STAMPEDE_CHECK(added);
}

void JobRunner::Impl::OnJob(std::string_view kind, const std::string& key, int64_t run_at_ms) {
  MutexLock lock(mutex_);
  auto found = lanes_.find(kind);
  if (found != lanes_.end()) return Insert(*found->second, key, run_at_ms);
  // Of a newer or older version of the program: it stays in the store for whoever knows it.
  constexpr size_t kNamesMax = 100;
  if (unknown_kinds_.size() < kNamesMax && unknown_kinds_.emplace(kind).second) {
    obs::Log(obs::LogLevel::kWarn, "jobs of an unknown kind are left alone", {{"kind", kind}});
  }
}

void JobRunner::Impl::Insert(Lane& lane, const std::string& key, int64_t run_at_ms) {
  const int64_t now_ms = clock.NowMs();
  if (stopping_ || run_at_ms > now_ms + kHorizonMs || !lane.known.insert(key).second) return;
  lane.waiting.emplace(run_at_ms, key);
  if (lane.waiting.size() > kWaitingMax) {
    auto last = std::prev(lane.waiting.end());
    lane.known.erase(last->second);
    lane.waiting.erase(last);
    lane.overflowed = true;
  }
  if (run_at_ms <= now_ms) return Wake(lane);
  timer_wake_.NotifyOne();
}

// Makes sure that somebody looks for work, if the kind has a worker to spare.
void JobRunner::Impl::Wake(Lane& lane) {
  if (!started_ || stopping_) return;
  if (lane.idle > 0) return lane.wake.NotifyOne();
  if (lane.threads.size() < static_cast<size_t>(lane.kind.workers)) {
    lane.threads.emplace_back([this, &lane] {
      NameThread("job:" + lane.kind.name);
      Work(lane);
    });
  }
}

bool JobRunner::Impl::IsIdle(int64_t now_ms) {
  if (!started_ || sweeping_ || sweep_wanted_ || swept_until_ms_ <= now_ms) return false;
  return std::ranges::all_of(lanes_, [&](const auto& entry) {
    const Lane& lane = *entry.second;
    bool due = !lane.waiting.empty() && lane.waiting.begin()->first <= now_ms;
    return !due && lane.ready.empty() && !lane.claiming && !lane.running && !lane.overflowed;
  });
}

bool JobRunner::Impl::WaitUntilIdle(int64_t timeout_ms) {
  SystemClock real;
  const int64_t deadline_us = real.MonotonicUs() + timeout_ms * 1000;
  while (const std::optional<uint64_t> ends = WaitUntilIdleAsKnown(deadline_us)) {
    // A job is known here once its commit is durable. One that began and ended meanwhile may have
    // caused others.
    Signal durable;
    committer.store().WhenDurable([&](const std::exception_ptr&) { durable.Set(); });
    durable.Wait();
    MutexLock lock(mutex_);
    if (ends_ == *ends && IsIdle(clock.NowMs())) return true;
  }
  return false;
}

std::optional<uint64_t> JobRunner::Impl::WaitUntilIdleAsKnown(int64_t deadline_us) {
  constexpr int64_t kPollUs = 2'000;  // the clock may be moved without a signal
  SystemClock real;
  MutexLock lock(mutex_);
  while (!IsIdle(clock.NowMs())) {
    if (real.MonotonicUs() >= deadline_us) return std::nullopt;
    if (swept_until_ms_ <= clock.NowMs() && !sweeping_) {
      sweep_wanted_ = true;
      maintenance_wake_.NotifyOne();
    }
    timer_wake_.NotifyOne();
    ended_.WaitFor(mutex_, kPollUs);
  }
  return ends_;
}

bool JobRunner::Impl::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void JobRunner::Impl::Collect() {
  const int64_t now_ms = clock.NowMs();
  MutexLock lock(mutex_);
  for (auto& [name, lane] : lanes_) {
    lane->depth.Set(static_cast<int64_t>(lane->waiting.size() + lane->ready.size()));
    lane->running_now.Set(static_cast<int64_t>(lane->running));
    int64_t oldest_ms = lane->waiting.empty() ? now_ms : lane->waiting.begin()->first;
    lane->oldest_ms.Set(std::max<int64_t>(now_ms - oldest_ms, 0));
  }
}

// ---- workers

void JobRunner::Impl::Work(Lane& lane) {
  while (true) {
    std::shared_ptr<Held> job;
    std::vector<std::string> due;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !TakeWork(lane, &job, &due)) {
        ++lane.idle;
        lane.wake.Wait(mutex_);
        --lane.idle;
      }
      if (stopping_ && !job && due.empty()) return;
    }
    if (job) {
      RunJob(lane, job);
    } else {
      ClaimDue(lane, due);
    }
  }
}

bool JobRunner::Impl::TakeWork(Lane& lane, std::shared_ptr<Held>* job,
                               std::vector<std::string>* due) {
  if (!lane.ready.empty()) {
    *job = std::move(lane.ready.front());
    lane.ready.pop_front();
    ++lane.running;
    return true;
  }
  const int64_t now_ms = clock.NowMs();
  while (due->size() < kClaimsAtOnce && !lane.waiting.empty() &&
         lane.waiting.begin()->first <= now_ms) {
    due->push_back(std::move(lane.waiting.extract(lane.waiting.begin()).value().second));
  }
  if (lane.overflowed && lane.waiting.size() < kWaitingMax / 4) {
    lane.overflowed = false;
    sweep_wanted_ = true;
    maintenance_wake_.NotifyOne();
  }
  if (due->empty()) return false;
  ++lane.claiming;
  return true;
}

void JobRunner::Impl::ClaimDue(Lane& lane, const std::vector<std::string>& due) {
  Leases::Claims claims;
  try {
    claims = leases.Claim(due);
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "cannot claim jobs",
             {{"kind", lane.kind.name}, {"error", error.what()}});
    for (const std::string& key : due) claims.later.push_back({key, clock.NowMs() + kStoreDownMs});
  }
  MutexLock lock(mutex_);
  --lane.claiming;
  for (auto& held : claims.held) {
    held_.emplace(held->key, held);
    lane.ready.push_back(std::move(held));
  }
  for (const std::string& key : claims.gone) lane.known.erase(key);
  for (const Leases::Later& later : claims.later) {
    lane.known.erase(later.key);
    Insert(lane, later.key, later.run_at_ms);
  }
  // This worker takes the first one itself.
  for (size_t i = 1; i < std::min<size_t>(lane.ready.size(), lane.kind.workers); ++i) Wake(lane);
  ended_.NotifyAll();
}

void JobRunner::Impl::RunJob(Lane& lane, const std::shared_ptr<Held>& held) {
  std::optional<std::string> next_key;
  try {
    if (held->record.attempt() > limits::kJobAttemptsMax) {
      next_key = Fail(lane, *held, "its worker vanished; before: " + held->record.last_error());
    } else {
      next_key = TryUntilCommitted(lane, *held);
    }
  } catch (const std::exception& error) {
    // The store is down. The row keeps its lease, and the sweep finds it when that has expired.
    obs::Log(obs::LogLevel::kWarn, "cannot record how a job ended",
             {{"kind", lane.kind.name}, {"error", error.what()}});
  }
  MutexLock lock(mutex_);
  --lane.running;
  ++ends_;
  lane.known.erase(held->key);
  held_.erase(held->key);
  if (next_key) Insert(lane, *next_key, events::ReadJobKey(*next_key).due_ms);
  ended_.NotifyAll();
}

// Runs the handler and commits, again while only the handler's own expectations fail. Returns the
// new key of a job that was put off.
std::optional<std::string> JobRunner::Impl::TryUntilCommitted(Lane& lane, Held& held) {
  const Job job{held.record.payload(), static_cast<int>(held.record.attempt()),
                held.record.enqueued_ms()};
  for (size_t tries = 0; tries < limits::kCommitAttemptsMax; ++tries) {
    try {
      events::Action action;
      lane.kind.run(job, action);
      if (CommitEnd(held, action)) {
        lane.done.Add();
        return std::nullopt;
      }
    } catch (const std::exception& error) {
      return Fail(lane, held, Reason(error));
    } catch (...) {
      return Fail(lane, held, "threw something that is no exception");
    }
    if (!leases.StillHeld(held)) {
      lane.lost.Add();
      return std::nullopt;
    }
  }
  return Fail(lane, held, "too many conflicts");
}

// Commits the effect of a job together with its removal.
bool JobRunner::Impl::CommitEnd(Held& held, events::Action& action) {
  // Without an effect of its own to lose, the job may as well run again after a power failure.
  if (action.empty()) action.batch.Relax();
  {
    MutexLock lock(held.mutex);
    held.ending = true;
    action.batch.ExpectUnchanged(held.key, held.value);
  }
  action.batch.Erase(held.key);
  bool committed = committer.Commit(action);
  MutexLock lock(held.mutex);
  held.ending = committed;
  return committed;
}

std::optional<std::string> JobRunner::Impl::Fail(Lane& lane, Held& held,
                                                 const std::string& reason) {
  const uint32_t attempt = held.record.attempt();
  lane.failed.Add();
  if (attempt >= limits::kJobAttemptsMax) {
    bool buried = leases.Bury(held, reason);
    (buried ? lane.dead : lane.lost).Add();
    obs::Log(obs::LogLevel::kError, "job given up",
             {{"kind", lane.kind.name}, {"attempts", attempt}, {"reason", reason}});
    return std::nullopt;
  }
  const int64_t delay_ms = BackoffMs(attempt);
  auto next_key = leases.PutOff(held, clock.NowMs() + delay_ms, reason);
  if (!next_key) lane.lost.Add();
  obs::Log(
      obs::LogLevel::kWarn, "job failed",
      {{"kind", lane.kind.name}, {"attempt", attempt}, {"retry_ms", delay_ms}, {"reason", reason}});
  return next_key;
}

// Exponential with full jitter: uniform between nothing and a bound that doubles with each try.
int64_t JobRunner::Impl::BackoffMs(uint32_t attempt) {
  constexpr uint32_t kDoublingsMax = 30;
  uint32_t doublings = std::min(attempt - 1, kDoublingsMax);
  return 1 + random.Below(std::min(kBackoffMaxMs, kBackoffBaseMs << doublings));
}

// ---- background

void JobRunner::Impl::RunTimer() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const int64_t now_ms = clock.NowMs();
    int64_t next_ms = now_ms + kTimerTickMs;
    for (auto& [name, lane] : lanes_) {
      if (lane->waiting.empty()) continue;
      if (lane->waiting.begin()->first <= now_ms) Wake(*lane);
      auto future = lane->waiting.lower_bound({now_ms + 1, std::string()});
      if (future != lane->waiting.end()) next_ms = std::min(next_ms, future->first);
    }
    timer_wake_.WaitFor(mutex_, (next_ms - now_ms) * 1000);
  }
}

void JobRunner::Impl::RunMaintenance() {
  while (true) {
    bool urgent;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      sweeping_ = sweep_wanted_ || clock.MonotonicUs() >= next_sweep_us_;
      urgent = std::exchange(sweep_wanted_, false);
      if (!sweeping_) {
        maintenance_wake_.WaitFor(mutex_, kMaintenanceTickUs);
        if (stopping_) return;
      }
    }
    Sweep(urgent);
    RenewLeases();
  }
}

// Processes sweep for each other, in turn. One that has reason to believe that it does not know all
// does not ask whose turn it is.
bool JobRunner::Impl::IsOurTurn() {
  const int64_t every_ms = sweep_every_us / 1000;
  return sharing == Sharing::kOneProcess || turns.Take("job_sweep", every_ms, every_ms);
}

void JobRunner::Impl::Sweep(bool urgent) {
  {
    MutexLock lock(mutex_);
    if (!sweeping_) return;
  }
  const int64_t until_ms = clock.NowMs() + kHorizonMs;
  bool completed = false;
  int64_t pause_us = kSweepRetryUs;
  try {
    if (urgent || IsOurTurn()) {
      leases.Sweep(
          until_ms,
          [this](const std::string& key, const events::proto::JobRecord& record) {
            OnJob(record.kind(), key, leases.RunAtMs(key, record));
          },
          [this] { return stopping(); });
      completed = true;
      pause_us = sweep_every_us;
    } else {
      pause_us = sweep_every_us / 8;  // whoever has the turn may be the one that is lost
    }
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "job sweep failed", {{"error", error.what()}});
  }
  MutexLock lock(mutex_);
  sweeping_ = false;
  if (completed) swept_until_ms_ = until_ms;
  next_sweep_us_ = clock.MonotonicUs() + pause_us;
  ended_.NotifyAll();
}

void JobRunner::Impl::RenewLeases() {
  std::vector<std::shared_ptr<Held>> all;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, held] : held_) all.push_back(held);
  }
  for (const auto& held : all) {
    try {
      leases.Renew(*held);
    } catch (const std::exception& error) {
      obs::Log(obs::LogLevel::kWarn, "cannot renew a lease", {{"error", error.what()}});
      return;
    }
  }
}

void JobRunner::Impl::ReleaseUnbegun() {
  std::vector<std::shared_ptr<Held>> unbegun;
  {
    MutexLock lock(mutex_);
    for (auto& [name, lane] : lanes_) {
      unbegun.insert(unbegun.end(), lane->ready.begin(), lane->ready.end());
      lane->ready.clear();
    }
    held_.clear();
  }
  for (const auto& held : unbegun) {
    try {
      leases.Release(*held);
    } catch (const std::exception& error) {
      obs::Log(obs::LogLevel::kWarn, "cannot release a job", {{"error", error.what()}});
      return;  // the leases expire
    }
  }
}

void JobRunner::Impl::Start() {
  MutexLock lock(mutex_);
  STAMPEDE_CHECK(!started_);
  started_ = true;
  timer_ = std::thread([this] {
    NameThread("jobs_timer");
    RunTimer();
  });
  maintenance_ = std::thread([this] {
    NameThread("jobs_upkeep");
    RunMaintenance();
  });
}

void JobRunner::Impl::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads.push_back(std::move(timer_));
    threads.push_back(std::move(maintenance_));
    for (auto& [name, lane] : lanes_) {
      std::ranges::move(lane->threads, std::back_inserter(threads));
      lane->threads.clear();
      lane->wake.NotifyAll();
    }
    timer_wake_.NotifyAll();
    maintenance_wake_.NotifyAll();
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  ReleaseUnbegun();
}

JobRunner::JobRunner(events::Committer& committer, Random& random, obs::Metrics& metrics,
                     Sharing sharing, int64_t lease_ms)
    : impl_(std::make_shared<Impl>(committer, random, metrics, sharing, lease_ms)) {
  std::weak_ptr<Impl> weak = impl_;
  committer.OnJob([weak](const std::string& key, std::string_view kind, int64_t due_ms) {
    if (auto impl = weak.lock()) impl->OnJob(kind, key, due_ms);
  });
  metrics.AddCollector([weak] {
    if (auto impl = weak.lock()) impl->Collect();
  });
}

JobRunner::~JobRunner() { Stop(); }

void JobRunner::Add(JobKind kind) { impl_->Add(std::move(kind)); }
void JobRunner::Start() { impl_->Start(); }
void JobRunner::Stop() { impl_->Stop(); }
bool JobRunner::WaitUntilIdle(int64_t timeout_ms) { return impl_->WaitUntilIdle(timeout_ms); }
std::vector<JobRunner::DeadLetter> JobRunner::DeadLetters(size_t limit) {
  return impl_->leases.DeadLetters(limit);
}

}  // namespace stampede::jobs
