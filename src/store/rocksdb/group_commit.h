#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/signal.h"
#include "store/store.h"

namespace stampede::store {

// Lets concurrent commits share one write and one flush to disk, and makes "check, then write"
// atomic without a lock per key. Callers queue; the first in the queue leads: it takes those behind
// it as one group, applies them all, and wakes them; whoever came meanwhile forms the next group.
// One group is applied at a time, so between its check and its write nothing changes. (The scheme
// of LevelDB's DBImpl::Write, with conditions.) Thread-safe.
class GroupCommit {
 public:
  // One caller and its batch.
  struct Member {
    explicit Member(const Batch& batch) : batch(batch) {}

    const Batch& batch;
    bool committed = false;  // set by Apply: the expectations held and the writes are applied
    // Written by the leader before `turn` is set, read after.
    bool done = false;
    std::exception_ptr failure;
    Signal turn;  // the member is done, or leads the next group
  };
  // Checks all expectations, applies the batches that hold in order, as one write. What it throws,
  // every member's caller gets. Called by one thread at a time, never with a lock held.
  using Apply = std::function<void(std::span<Member* const> group)>;

  explicit GroupCommit(Apply apply) : apply_(std::move(apply)) {}

  // Blocks until the batch was applied (true) or refused (false).
  bool Commit(const Batch& batch);

  // Callers inside Commit right now.
  size_t waiting() const;

 private:
  // How many from the front of `waiting` may be applied together: as many as are independent of
  // what those before them write, within a bound of bytes; at least one.
  static size_t GroupLength(std::span<Member* const> waiting);
  void Lead(std::span<Member* const> group);

  const Apply apply_;
  mutable Mutex mutex_;
  std::deque<Member*> queue_ STAMPEDE_GUARDED_BY(mutex_);  // the front leads
};

}  // namespace stampede::store
