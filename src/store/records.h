#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/keyspace.h"
#include "store/store.h"

namespace stampede::store {

// The node's cache of parsed records in front of a Store. Thread-safe. Keeps at most `budget_bytes`
// by its own estimate, in shards; what was not used since the last round goes first (second chance,
// so that a hit writes one bit). Absence is cached too. A record that many callers miss at once is
// loaded once (single flight). Coherence: this node's commits go through CommitSoon, which leaves the new
// values in the cache; Invalidate(keys) is called for what other nodes' events say they touched. A
// load that was under way when its key was written is returned to those who asked before, but not
// kept, and whoever asks after CommitSoon or Invalidate returned gets what the store holds then.
//
// What is returned is shared and immutable. A null pointer means that the record does not exist; a
// Counter always exists: absent, it is zero. Throws what the store throws, and std::runtime_error
// for a value that does not parse; failures are not cached. A hit costs about 0.1 µs.
class Records {
 public:
  Records(Store& store, size_t budget_bytes);
  ~Records();

  // `Record` is a protobuf message (lite), Counter, or Counters. A key is always read as one type.
  template <class Record>
  std::shared_ptr<const Record> Get(const std::string& key);
  template <class Record>
  std::vector<std::shared_ptr<const Record>> MultiGet(std::span<const std::string> keys);

  // Store::CommitSoon, after which no reader of this node sees what was before. NoteAbsent of what the
  // keys of a family share says that all its counters are.
  bool CommitSoon(const Batch& batch);
  void Invalidate(std::span<const std::string> keys);
  void Clear();

  Store& store() { return store_; }
  struct Stats {
    uint64_t hits, misses, evictions;
    size_t bytes, entries;
  };
  Stats stats() const;

 private:
  friend class RecordFetch;
  // Null for absent, unless the type has a value for that.
  using Parser = std::shared_ptr<const void> (*)(const std::optional<std::string>& value);
  struct Wanted {
    const std::string* key;
    Parser parser;
    std::shared_ptr<const void>* result;
  };
  // Fills every result; one MultiGet for all that is missing and that nobody else is loading.
  void Load(std::span<const Wanted> wanted);

  template <class Record>
  static std::shared_ptr<const void> Parse(const std::optional<std::string>& value);

  struct Impl;
  Store& store_;
  std::unique_ptr<Impl> impl_;
};

// A 64-bit counter key, read through Records.
struct Counter {
  int64_t value = 0;
};

// Counters of one family (Table::counters) with the same owner: read through Records as one record,
// by the part of the key that they share. Absent ones are zero.
struct Counters {
  // Of the counter whose key ends in this byte.
  template <class Byte>
  int64_t operator[](Byte counter) const {
    return values[static_cast<size_t>(counter) - 1];
  }
  std::array<int64_t, kCountersMax> values = {};
};

// Gathers reads of records of several types and runs them as one round trip:
//   RecordFetch fetch(records);
//   auto& author = fetch.Want<AccountRecord>(key);   // valid after Run()
//   fetch.Run();
// One thread. What is wanted after a Run() is fetched by the next.
class RecordFetch {
 public:
  explicit RecordFetch(Records& records) : records_(records) {}

  // The reference stays valid for the life of the fetch and is filled by Run().
  template <class Record>
  const std::shared_ptr<const Record>& Want(std::string key);
  void Run();

 private:
  struct Slot {
    Slot(std::string key, Records::Parser parser) : key(std::move(key)), parser(parser) {}
    virtual ~Slot() = default;
    virtual void Fill() = 0;  // `loaded` as what the caller looks at

    std::string key;
    Records::Parser parser;
    std::shared_ptr<const void> loaded;
  };
  template <class Record>
  struct TypedSlot final : Slot {
    using Slot::Slot;
    void Fill() override;
    std::shared_ptr<const Record> record;
  };

  Records& records_;
  std::vector<std::unique_ptr<Slot>> slots_;
  size_t filled_ = 0;  // slots before it have had their Run()
};

}  // namespace stampede::store

#include "store/records_inl.h"  // IWYU pragma: export
