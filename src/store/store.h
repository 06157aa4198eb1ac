#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/limits.h"
#include "store/keyspace.h"

namespace stampede::store {

// The next key in byte order after every key that starts with `prefix`, which begins with a
// partition.
std::string PrefixEnd(std::string_view prefix);

// Keys from `begin` (inclusive) to `end` (exclusive), both within one partition and one table.
struct KeyRange {
  std::string begin;
  std::string end;
  static KeyRange Prefix(std::string_view prefix) {
    return {std::string(prefix), PrefixEnd(prefix)};
  }
};

enum class Direction { kForward, kBackward };

// One range of a MultiScan: at most `limit` rows, from the end that `direction` starts at. Asking
// for more than limits::kScanRowsMax is refused, so that a caller that pages never mistakes a
// clipped answer for the last one. A range whose begin is not below its end is empty.
struct ScanRequest {
  KeyRange range;
  size_t limit = 0;
  Direction direction = Direction::kForward;
};

struct Row {
  std::string key;
  std::string value;
};

// A set of writes and of conditions on what is stored; commits as a whole or not at all. Not
// thread-safe; copyable, so that a caller may try it again. A key may be written once per batch,
// except that Adds to one key accumulate.
class Batch {
 public:
  enum class Kind : uint8_t { kPut, kErase, kEraseRange, kAdd };
  struct Write {
    Kind kind;
    std::string key;
    std::string value;  // kPut: the value; kEraseRange: the end of the range
    int64_t delta = 0;  // kAdd
  };
  enum class Condition : uint8_t { kAbsent, kPresent, kEquals };
  struct Expectation {
    Condition condition;
    std::string key;
    std::string value;  // kEquals
  };

  void Put(std::string key, std::string value);
  void Erase(std::string key);
  // Erases every key of the range. Cannot be combined with writes inside the range.
  void EraseRange(KeyRange range);
  // Adds to a 64-bit counter; an absent counter is zero. Never conflicts with other Adds.
  void Add(std::string key, int64_t delta);

  void ExpectAbsent(std::string key);
  void ExpectPresent(std::string key);
  // That the value is still what was read: nullopt means that the key was absent.
  void ExpectUnchanged(std::string key, const std::optional<std::string>& value_read);

  // That nothing is stored under the key, as follows from what the batch expects and writes: for
  // caches, which need not ask the store then. Changes nothing.
  void NoteAbsent(std::string key) { absences_.push_back(std::move(key)); }

  // The commit need not be durable when Commit returns: a crash may lose it, whole, together with
  // what was committed later. For leases, erased outbox rows, times of last use.
  void Relax() { relaxed_ = true; }

  const std::vector<Write>& writes() const { return writes_; }
  const std::vector<Expectation>& expectations() const { return expectations_; }
  const std::vector<std::string>& absences() const { return absences_; }
  bool relaxed() const { return relaxed_; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return writes_.empty() && expectations_.empty(); }

 private:
  std::vector<Write> writes_;
  std::vector<Expectation> expectations_;
  std::vector<std::string> absences_;
  size_t bytes_ = 0;
  bool relaxed_ = false;
};

// The ordered key-value contract that every durable fact of Stampede lives on. Implementations are
// thread-safe. Calls block; they throw Error(kUnavailable) when the engine cannot answer now,
// std::logic_error for a call that breaks the contract (validate.h lists the rules), and any other
// exception for a fault. Nothing beyond this: no joins, no secondary indexes.
class Store {
 public:
  virtual ~Store() = default;

  std::optional<std::string> Get(std::string_view key);
  // One round trip. The answer has the order and length of `keys`.
  virtual std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) = 0;
  std::vector<Row> Scan(ScanRequest request);
  // One round trip; each range may lie in another partition. One answer per request, in order,
  // rows in the direction asked. Each range is consistent in itself; a commit may land between two.
  virtual std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) = 0;

  // Whether a read is a trip to another process, so that many reads by key, whose outcome can be
  // cached, are better than one scan.
  virtual bool remote() const { return false; }

  // All or nothing, across partitions; durable when it returns true (unless relaxed); false, with
  // nothing changed, when an expectation fails. Throws only if nothing was applied or the outcome
  // cannot be known. Concurrent commits share a flush to disk.
  virtual bool Commit(const Batch& batch) = 0;

  // As Commit, but it may return before the batch is durable: everybody sees it, and a crash may lose
  // it, together with all that was committed after it and nothing that was durable before. For those
  // who have WhenDurable tell them when it may be spoken of outside. Durable within about a second
  // also when nobody asks.
  virtual bool CommitSoon(const Batch& batch) { return Commit(batch); }
  // Calls `then` once, when everything is durable that was committed before this call: with null, or
  // with what went wrong (then nothing can be said about it). In the order of the calls; at once, on
  // this thread, when there is nothing to wait for, else on a thread of the engine, which it must
  // not keep waiting. `then` must not throw.
  using Then = std::function<void(std::exception_ptr failure)>;
  virtual void WhenDurable(Then then) { then(nullptr); }
};

// The value of a counter key as Get returns it; 0 when absent. Stored as 8 bytes, big-endian.
int64_t DecodeCounter(const std::optional<std::string>& value);
std::string EncodeCounter(int64_t value);
// How counters add up: past the ends of 64 bits they wrap.
inline int64_t AddWrapping(int64_t value, int64_t delta) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) + static_cast<uint64_t>(delta));
}

// Runs `attempt` (reads, decides, fills the batch) until its batch commits: again from the start
// whenever an expectation failed. `attempt` may throw Error to refuse. Throws Error(kConflict) after
// limits::kCommitAttemptsMax failures.
template <class Attempt>
void CommitWithRetry(Store& store, Attempt attempt);

[[noreturn]] void ThrowTooManyConflicts();

template <class Attempt>
void CommitWithRetry(Store& store, Attempt attempt) {
  for (size_t tries = 0; tries < limits::kCommitAttemptsMax; ++tries) {
    Batch batch;
    attempt(batch);
    if (batch.empty() || store.Commit(batch)) return;
  }
  ThrowTooManyConflicts();
}

}  // namespace stampede::store
