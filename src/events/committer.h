#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "events/bus.h"
#include "store/records.h"
#include "store/store.h"

namespace stampede::events {

// One action being decided: a batch, the events that announce it and the jobs that must follow, all
// committed together. Filled by a room's service, handed to Committer. Not thread-safe.
class Action {
 public:
  store::Batch batch;

  // Announces the action after the commit. Where a crash could make others miss it, the event also
  // goes into the batch (outbox), in the partition of `author`.
  void Announce(EventKind kind, AccountId author, std::string payload);
  // Durable work that the commit causes; see jobs/jobs.h. Stored in partition `where`.
  // `due_ms` 0 means now.
  void Enqueue(std::string_view kind, Partition where, std::string payload, int64_t due_ms = 0);
  bool empty() const { return batch.empty() && events_.empty() && jobs_.empty(); }

 private:
  friend class Committer;
  struct NewEvent {
    EventKind kind;
    AccountId author;
    std::string payload;
  };
  struct NewJob {
    std::string kind;
    Partition where;
    std::string payload;
    int64_t due_ms;
  };
  std::vector<NewEvent> events_;
  std::vector<NewJob> jobs_;
};

// How every command writes: commits an action, leaves what it changed in this node's record cache,
// and, as soon as the action is durable, publishes its events and wakes the job workers. Thread-safe.
//
// Commit does not wait for the disk. Whoever tells the outside world that an action is done asks
// Store::WhenDurable first; for requests net::HttpServer does it (see HttpHandler::WhenSettled). That
// callback comes after the events of all that was committed before have been published.
//
// The transactional outbox: an event whose announcement a crash prevented is found again by the
// sweeper, so it is only late. Rows of announced events are erased lazily; see outbox.h. There is
// none when the store and all who listen are in this process, as a crash ends them too.
class Committer {
 public:
  // Hears of every committed job once it is durable; must be quick; see JobRunner.
  using JobHook =
      std::function<void(const std::string& job_key, std::string_view kind, int64_t due_ms)>;

  Committer(store::Store& store, store::Records& records, Bus& bus, IdGenerator& ids, Clock& clock);
  ~Committer();

  // False when an expectation failed (or, rarely, when another process drew the same event or job
  // id); then nothing happened. An empty action commits nothing and returns true. Either way the
  // action is used up: to try again, fill a fresh one. An action may not erase a range of a table
  // of Access::kRecord. When it throws, the outcome may be unknown; if it was committed after all,
  // its events and jobs are found by the sweeps.
  //
  // Order: concurrent commits that announce for one author take turns, so the bus gets the events
  // of an author in the order of commit. Handlers may still hear an event twice, or long after
  // younger ones (from the sweeper): let them read the state that an event points to.
  bool Commit(Action& action);
  // Runs `attempt(Action&)` (reads, decides, fills the action) until it commits. An attempt that
  // leaves the action empty commits nothing. Throws what the attempt throws, and Error(kConflict)
  // after limits::kCommitAttemptsMax failures. Reads inside an attempt that an expectation rests on
  // must go to store(), not to the cache, or a stale cache entry could fail for ever.
  template <class Attempt>
  void Run(Attempt attempt) {
    for (size_t tries = 0; tries < limits::kCommitAttemptsMax; ++tries) {
      Action action;
      attempt(action);
      if (Commit(action)) return;
    }
    store::ThrowTooManyConflicts();
  }

  // Blocks until everything committed so far is durable and announced. For who ends a process.
  void Settle();
  // Replaces the hook; a call of the old one may still be under way.
  void OnJob(JobHook hook);
  // Starts the background sweeper, which announces what a crash left unannounced.
  void Start();
  // Ends the sweeper and erases what was announced. Commit still works afterwards.
  void Stop();

  store::Store& store();
  store::Records& records();
  IdGenerator& ids();
  Clock& clock();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::events
