#include "store/rocksdb/group_commit.h"

#include <string_view>
#include <unordered_set>

namespace stampede::store {
namespace {

// One write of this size takes a few milliseconds; beyond it, the first of the group only waits
// longer for no gain in throughput.
constexpr size_t kGroupBytesMax = 1024 * 1024;
constexpr size_t kGroupMembersMax = 256;

bool ErasesRange(const Batch& batch) {
  return std::ranges::any_of(batch.writes(), [](const Batch::Write& write) {
    return write.kind == Batch::Kind::kEraseRange;
  });
}

}  // namespace

bool GroupCommit::Commit(const Batch& batch) {
  Member self(batch);
  bool leads;
  {
    MutexLock lock(mutex_);
    queue_.push_back(&self);
    leads = queue_.front() == &self;
  }
  if (!leads) self.turn.Wait();
  if (!self.done) {
    std::vector<Member*> group;
    {
      MutexLock lock(mutex_);
      size_t count = std::min(queue_.size(), kGroupMembersMax);
      group.assign(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
    }
    // Only the leader takes members out, so they stay at the front while it works without the lock.
    Lead(std::span(group).first(GroupLength(group)));
  }
  if (self.failure) std::rethrow_exception(self.failure);
  return self.committed;
}

size_t GroupCommit::waiting() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void GroupCommit::Lead(std::span<Member* const> group) {
  std::exception_ptr failure;
  try {
    apply_(group);
  } catch (...) {
    failure = std::current_exception();
  }
  Member* next = nullptr;
  {
    MutexLock lock(mutex_);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(group.size()));
    if (!queue_.empty()) next = queue_.front();
  }
  // The next leader first: it can work while the members of this group wake up. A member's caller
  // may be gone as soon as it is told, and the member with it; the first one is this thread's own.
  if (next) next->turn.Set();
  for (Member* member : group) {
    member->failure = failure;
    member->done = true;
    if (member != group.front()) member->turn.Set();
  }
}

size_t GroupCommit::GroupLength(std::span<Member* const> waiting) {
  if (waiting.size() == 1) return 1;
  std::unordered_set<std::string_view> written;
  bool range_erased = false;
  size_t bytes = 0;
  size_t length = 0;
  for (const Member* member : waiting) {
    const Batch& batch = member->batch;
    bytes += batch.bytes();
    if (length > 0) {
      if (bytes > kGroupBytesMax) break;
      // A range is erased as the store was before the group, so its batch comes first or waits.
      if (ErasesRange(batch)) break;
      if (range_erased && !batch.expectations().empty()) break;
      if (std::ranges::any_of(batch.expectations(),
                              [&](const auto& it) { return written.contains(it.key); })) {
        break;
      }
    } else {
      range_erased = ErasesRange(batch);
    }
    for (const auto& write : batch.writes()) written.insert(write.key);
    ++length;
  }
  return length;
}

}  // namespace stampede::store
