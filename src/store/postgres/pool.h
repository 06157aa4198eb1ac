#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "store/postgres/connection.h"

namespace stampede::store::postgres {

// A place in the pool: a connection while there is one, and the lane of commit_lanes that belongs
// to it.
struct Slot {
  std::unique_ptr<Connection> connection;
  uint64_t generation = 0;  // when it was opened
  int64_t used_us = 0;
  int64_t lane = 0;
  int64_t seq = 0;
};

// A bounded number of connections to one database, opened when needed. Thread-safe. The one used
// last is given out first. When the database has been away for some seconds, callers are refused at
// once, except one at a time, who tries.
class Pool {
 public:
  Pool(std::string database, size_t connections, int timeout_ms);
  ~Pool();

  // The use of one slot, until destroyed. For one thread.
  class Lease {
   public:
    Lease(Pool& pool, Slot* slot) : pool_(pool), slot_(slot) {}
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // A connection that works, as far as is known; opens one if need be. Throws
    // Error(kUnavailable): at the deadline, or unless `patient` at once when the database has been
    // away for some seconds.
    Connection& connection(int64_t deadline_us, bool patient = false);
    void Drop() { slot_->connection.reset(); }

    int64_t lane() const { return slot_->lane; }
    int64_t seq() const { return slot_->seq; }
    int64_t NextSeq();
    // After a commit whose outcome could not be found out: nobody will ask about it again.
    void AbandonLane();

   private:
    Pool& pool_;
    Slot* slot_;
  };

  // Waits for a slot. Throws Error(kUnavailable) at the deadline.
  Lease Borrow(int64_t deadline_us);
  // Every connection that is open now is dropped when next looked at: the server is a standby now.
  void DropAll();
  // The coordinator of Citus did not reach another node. Whether that has been so for some seconds,
  // so that there is no use in waiting: only what is on that node is refused.
  bool NoteNodeLost() STAMPEDE_EXCLUDES(mutex_);
  void NoteNodeBack() STAMPEDE_EXCLUDES(mutex_);
  // Waits for about `us`, at random, but not beyond the deadline.
  void Pause(int64_t us, int64_t deadline_us);
  int64_t RandomLane();

  uint64_t connects() const { return connects_.load(std::memory_order_relaxed); }

 private:
  void Return(Slot* slot);
  void Open(Slot& slot, int64_t deadline_us, bool patient);
  void TryOpen(Slot& slot);
  void RefuseIfAway(int64_t now_us) STAMPEDE_EXCLUDES(mutex_);
  void NoteFailure(const std::string& reason) STAMPEDE_EXCLUDES(mutex_);

  const std::string database_;
  const int timeout_ms_;
  SystemRandom random_;
  std::atomic<uint64_t> connects_ = 0;
  std::atomic<uint64_t> generation_ = 1;

  Mutex mutex_;
  CondVar returned_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> idle_ STAMPEDE_GUARDED_BY(mutex_);
  int64_t away_since_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;  // 0: it is not
  int64_t node_lost_since_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  int64_t node_lost_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;  // the last time
  int64_t next_try_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  std::string reason_ STAMPEDE_GUARDED_BY(mutex_);
};

[[noreturn]] void ThrowUnavailable(const std::string& detail);

}  // namespace stampede::store::postgres
