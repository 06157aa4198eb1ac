#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace stampede::store {

// The node's cache of parsed records in front of a Store. Thread-safe. Keeps at most `budget_bytes`,
// least recently used first out, in shards. Absence is cached too. A record that many callers miss
// at once is loaded once (single flight). Coherence: Invalidate(keys) is called for every key that a
// commit touched, by Committer on this node and by the events of other nodes; a load that was under
// way when its key was invalidated is returned to its callers but not kept.
//
// What is returned is shared and immutable. A null pointer means that the record does not exist.
class Records {
 public:
  Records(Store& store, size_t budget_bytes);
  ~Records();

  // `Record` is a protobuf message (lite), or Counter. A key is always read as one type.
  template <class Record>
  std::shared_ptr<const Record> Get(const std::string& key);
  template <class Record>
  std::vector<std::shared_ptr<const Record>> MultiGet(std::span<const std::string> keys);

  void Invalidate(std::span<const std::string> keys);
  void Clear();

  Store& store() { return store_; }
  struct Stats { uint64_t hits, misses, evictions; size_t bytes, entries; };
  Stats stats() const;

 private:
  friend class RecordFetch;
  using Parser = std::shared_ptr<const void> (*)(const std::string& value);
  struct Wanted { const std::string* key; Parser parser; std::shared_ptr<const void>* result; };
  // Fills every result; one MultiGet for all that is missing.
  void Load(std::span<const Wanted> wanted);

  template <class Record>
  static std::shared_ptr<const void> Parse(const std::string& value);

  struct Impl;
  Store& store_;
  std::unique_ptr<Impl> impl_;
};

// A 64-bit counter key, read through Records.
struct Counter { int64_t value = 0; };

// Gathers reads of records of several types and runs them as one round trip:
//   RecordFetch fetch(records);
//   auto& author = fetch.Want<AccountRecord>(key);   // valid after Run()
//   fetch.Run();
// Single use, one thread.
class RecordFetch {
 public:
  explicit RecordFetch(Records& records) : records_(records) {}

  // The reference stays valid for the life of the fetch and is filled by Run().
  template <class Record>
  const std::shared_ptr<const Record>& Want(std::string key);
  void Run();

 private:
  struct Slot { std::string key; Records::Parser parser; std::shared_ptr<const void> result; };
  Slot& Add(std::string key, Records::Parser parser);

  Records& records_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace stampede::store

#include "store/records_inl.h"
