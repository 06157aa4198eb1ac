#pragma once

#include <vector>

#include "features/feeds/policy.h"
#include "store/store.h"

namespace stampede::feeds {

// A reader's candidates as the store has them: the outboxes of everybody they follow, and their own,
// merged by id. What feeds are rebuilt from, and what paging beyond a feed continues with. Not
// thread-safe. One round trip reads the first rows of every outbox; further ones refill, together,
// the outboxes that the merge has used up.
class OutboxMerge {
 public:
  // Newest first from the upper bound, or, `upwards`, oldest first from the lower one. `expected` is
  // how many entries the caller will want, for the size of the reads.
  OutboxMerge(store::Store& store, const ReaderFollows& follows, const store::IdBounds& bounds,
              bool upwards, size_t expected);

  // The next entries in order; fewer than `count` only at the end.
  std::vector<FeedEntry> Next(size_t count);

 private:
  struct Source {
    AccountId author;
    store::IdBounds bounds;  // what of the outbox was not read yet
    std::vector<statuses::OutboxRow> rows;
    size_t next = 0;
    bool exhausted = false;
    bool dry() const { return next == rows.size() && !exhausted; }
  };
  // Reads on in every source that the merge cannot go on without.
  void Refill(size_t rows_each);
  // Whether source `a` comes after source `b` in the order of the merge.
  bool Later(size_t a, size_t b) const;
  void PushHeap(size_t source);
  size_t PopHeap();

  store::Store& store_;
  const ReaderFollows& follows_;
  bool upwards_;
  size_t rows_each_;
  std::vector<Source> sources_;
  std::vector<size_t> dry_;   // sources to refill
  std::vector<size_t> heap_;  // sources with rows, by the id of the next
};

}  // namespace stampede::feeds
