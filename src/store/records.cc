#include "store/records.h"

#include <array>
#include <atomic>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <exception>

#include "base/check.h"
#include "base/mutex.h"

namespace stampede::store {
namespace {

constexpr size_t kShardsMax = 64;
constexpr size_t kShardBytesMin = 256 * 1024;  // below it, fewer shards
// Entry, control block and slot of the table, roughly.
constexpr size_t kEntryOverhead = 192;
// Counts of changes per shard. More of them, and fewer commits of different keys look as if they had
// written the same one.
constexpr size_t kEpochs = 64;

uint8_t CountersIn(std::string_view name) {
  const Table* table = TableOf(name);
  return table == nullptr ? 0 : table->counters();
}

// What is cached under one name: a record under its key, the counters of a family under the part of
// their keys that they share.
std::string_view CacheName(std::string_view key) {
  if (CountersIn(key) > 0) key.remove_suffix(1);
  return key;
}

bool IsCached(std::string_view name) {
  const Table* table = TableOf(name);
  return table != nullptr && table->access() == Access::kRecord;
}

// The keys under which the store has what is cached as `name`.
void AppendKeys(const std::string& name, std::vector<std::string>& keys) {
  const uint8_t counters = CountersIn(name);
  if (counters == 0) return keys.push_back(name);
  for (uint8_t i = 1; i <= counters; ++i) keys.push_back(name + static_cast<char>(i));
}

std::shared_ptr<const Counters> MakeCounters(std::span<const std::optional<std::string>> values) {
  auto counters = std::make_shared<Counters>();
  for (size_t i = 0; i < values.size(); ++i) counters->values[i] = DecodeCounter(values[i]);
  return counters;
}

void Apply(const Batch::Write& write, Counters& counters) {
  const auto number = static_cast<uint8_t>(write.key.back());
  STAMPEDE_CHECK(number >= 1 && number <= CountersIn(write.key));
  int64_t& value = counters.values[number - 1u];
  switch (write.kind) {
    case Batch::Kind::kPut:
      value = DecodeCounter(write.value);
      break;
    case Batch::Kind::kAdd:
      value = AddWrapping(value, write.delta);
      break;
    default:
      value = 0;
  }
}

// A key with its hash, which chooses the shard and then the slot: computed once per look-up.
struct HashedKey {
  explicit HashedKey(std::string_view key) : text(key), hash(std::hash<std::string_view>()(key)) {}
  bool operator==(const HashedKey& other) const { return hash == other.hash && text == other.text; }

  std::string_view text;
  size_t hash;
};

struct StoredHash {
  using is_avalanching = void;  // std::hash of a string mixes well enough for boost to take as is
  size_t operator()(const HashedKey& key) const { return key.hash; }
};

}  // namespace

struct Records::Impl {
  // One load under way. Its leader asks the store; others wait on it. It counts for newcomers only
  // while it is in its shard's table: Invalidate takes it out, and then its result is not kept.
  struct Flight {
    Flight(const std::string& key, Parser parser)
        : key(key), parser(parser), counters(CountersIn(key)) {
      STAMPEDE_CHECK((counters > 0) == (parser == &Parse<Counters>));
    }
    size_t keys() const { return std::max<size_t>(counters, 1); }

    const std::string key;
    const Parser parser;
    const uint8_t counters;  // of the family that `key` names, or 0
    Mutex mutex;
    CondVar landed;
    bool done STAMPEDE_GUARDED_BY(mutex) = false;
    std::shared_ptr<const void> result STAMPEDE_GUARDED_BY(mutex);
    std::exception_ptr failure STAMPEDE_GUARDED_BY(mutex);
  };

  // A cached record, in its shard's ring of second chances. What a commit has left is parsed when it
  // is first read, because only a reader knows the type. What a hit needs comes first: one cache line.
  struct alignas(64) Entry {
    std::string key;
    std::shared_ptr<const void> value;
    Parser parser;      // null: `raw` is not parsed yet
    bool used = false;  // since the hand last passed
    size_t cost;
    std::optional<std::string> raw = std::nullopt;
    Entry* next = nullptr;
    Entry* previous = nullptr;
  };

  struct Shard {
    template <class T>
    using Table = boost::unordered_flat_map<HashedKey, T, StoredHash>;

    Mutex mutex;
    Table<std::unique_ptr<Entry>> entries STAMPEDE_GUARDED_BY(mutex);
    Table<std::shared_ptr<Flight>> flights STAMPEDE_GUARDED_BY(mutex);
    Entry* hand STAMPEDE_GUARDED_BY(mutex) = nullptr;  // the next to judge; nullptr when empty
    size_t bytes STAMPEDE_GUARDED_BY(mutex) = 0;
    // How often keys were written or loaded, by some bits of their hash; changed under the mutex.
    std::array<std::atomic<uint64_t>, kEpochs> epochs = {};
    uint64_t hits STAMPEDE_GUARDED_BY(mutex) = 0;
    uint64_t misses STAMPEDE_GUARDED_BY(mutex) = 0;
    uint64_t evictions STAMPEDE_GUARDED_BY(mutex) = 0;

    void Insert(std::unique_ptr<Entry> entry, size_t budget) STAMPEDE_REQUIRES(mutex);
    void Remove(const HashedKey& key) STAMPEDE_REQUIRES(mutex);
    void EvictTo(size_t budget) STAMPEDE_REQUIRES(mutex);
  };

  // What a look-up found: the value in `result`, or a flight, which the caller leads or waits for.
  struct Lookup {
    std::shared_ptr<Flight> flight;
    bool leads = false;
  };

  explicit Impl(size_t budget_bytes)
      : shard_count(
            std::bit_floor(std::clamp<size_t>(budget_bytes / kShardBytesMin, 1, kShardsMax))),
        shard_budget(budget_bytes / shard_count),
        shards(std::make_unique<Shard[]>(shard_count)) {}

  // The table's slots come from the hash's low and top bits, so the shard takes some in between.
  Shard& ShardOf(const HashedKey& key) const {
    return shards[(key.hash >> 32) & (shard_count - 1)];
  }

  // Not the bits that choose the shard.
  static std::atomic<uint64_t>& EpochOf(Shard& shard, const HashedKey& key) {
    return shard.epochs[(key.hash >> 40) % kEpochs];
  }

  Lookup Find(const Wanted& wanted);
  // What the cache says after a commit: the new value if it is known, else nothing. No write: absent.
  void Overwrite(Shard& shard, const HashedKey& key, const Batch::Write* write)
      STAMPEDE_REQUIRES(shard.mutex);
  // `values` of what AppendKeys said.
  void Land(Flight& flight, std::span<const std::optional<std::string>> values);
  void Fail(Flight& flight, const std::exception_ptr& failure);
  static std::shared_ptr<const void> Await(Flight& flight);
  // True if the flight was still current. It no longer is.
  static bool Retire(Shard& shard, const HashedKey& key, const Flight& flight)
      STAMPEDE_REQUIRES(shard.mutex);

  const size_t shard_count;
  const size_t shard_budget;
  const std::unique_ptr<Shard[]> shards;
};

void Records::Impl::Shard::Insert(std::unique_ptr<Entry> entry, size_t budget) {
  if (entry->cost > budget) return;
  EvictTo(budget - entry->cost);
  bytes += entry->cost;
  // Behind the hand: the last to be judged.
  if (hand == nullptr) {
    hand = entry->next = entry->previous = entry.get();
  } else {
    entry->next = hand;
    entry->previous = hand->previous;
    entry->previous->next = entry.get();
    hand->previous = entry.get();
  }
  HashedKey key(entry->key);
  entries.emplace(key, std::move(entry));
}

void Records::Impl::Shard::Remove(const HashedKey& key) {
  auto found = entries.find(key);
  if (found == entries.end()) return;
  std::unique_ptr<Entry> entry = std::move(found->second);
  entries.erase(found);
  bytes -= entry->cost;
  if (hand == entry.get()) hand = entry->next == entry.get() ? nullptr : entry->next;
  entry->previous->next = entry->next;
  entry->next->previous = entry->previous;
}

void Records::Impl::Shard::EvictTo(size_t budget) {
  while (bytes > budget) {
    if (hand->used) {
      hand->used = false;
      hand = hand->next;
    } else {
      ++evictions;
      Remove(HashedKey(hand->key));
    }
  }
}

Records::Impl::Lookup Records::Impl::Find(const Wanted& wanted) {
  HashedKey key(*wanted.key);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  if (auto entry = shard.entries.find(key); entry != shard.entries.end()) {
    if (entry->second->parser == nullptr) {
      entry->second->value = wanted.parser(entry->second->raw);
      entry->second->parser = wanted.parser;
      entry->second->raw.reset();
    }
    STAMPEDE_CHECK(entry->second->parser == wanted.parser);  // a key is read as one type
    ++shard.hits;
    entry->second->used = true;
    *wanted.result = entry->second->value;
    return {};
  }
  ++shard.misses;
  if (auto flight = shard.flights.find(key); flight != shard.flights.end()) {
    STAMPEDE_CHECK(flight->second->parser == wanted.parser);
    return {flight->second, false};
  }
  auto flight = std::make_shared<Flight>(*wanted.key, wanted.parser);
  HashedKey own_key(key);
  own_key.text = flight->key;
  shard.flights.emplace(own_key, flight);
  return {std::move(flight), true};
}

bool Records::Impl::Retire(Shard& shard, const HashedKey& key, const Flight& flight) {
  auto found = shard.flights.find(key);
  if (found == shard.flights.end() || found->second.get() != &flight) return false;
  shard.flights.erase(found);
  return true;
}

void Records::Impl::Land(Flight& flight, std::span<const std::optional<std::string>> values) {
  std::shared_ptr<const void> parsed;
  const std::optional<std::string>& value = values.front();
  try {
    parsed = flight.counters ? MakeCounters(values) : flight.parser(value);
  } catch (...) {
    return Fail(flight, std::current_exception());
  }
  // A parsed protobuf takes about as much again as its bytes on the wire.
  size_t cost = kEntryOverhead + flight.key.size() + (value ? 2 * value->size() : 0);
  auto entry = std::make_unique<Entry>(
      Entry{.key = flight.key, .value = parsed, .parser = flight.parser, .cost = cost});
  HashedKey key(flight.key);
  {
    Shard& shard = ShardOf(key);
    MutexLock lock(shard.mutex);
    if (Retire(shard, key, flight)) {
      // A commit under way must not add to a counter that was read after it.
      ++EpochOf(shard, key);
      shard.Insert(std::move(entry), shard_budget);
    }
  }
  MutexLock lock(flight.mutex);
  flight.result = std::move(parsed);
  flight.done = true;
  flight.landed.NotifyAll();
}

void Records::Impl::Fail(Flight& flight, const std::exception_ptr& failure) {
  HashedKey key(flight.key);
  {
    Shard& shard = ShardOf(key);
    MutexLock lock(shard.mutex);
    Retire(shard, key, flight);
  }
  MutexLock lock(flight.mutex);
  flight.failure = failure;
  flight.done = true;
  flight.landed.NotifyAll();
}

std::shared_ptr<const void> Records::Impl::Await(Flight& flight) {
  MutexLock lock(flight.mutex);
  while (!flight.done) flight.landed.Wait(flight.mutex);
  if (flight.failure) std::rethrow_exception(flight.failure);
  return flight.result;
}

Records::Records(Store& store, size_t budget_bytes)
    : store_(store), impl_(std::make_unique<Impl>(budget_bytes)) {}

Records::~Records() = default;

void Records::Load(std::span<const Wanted> wanted) {
  std::vector<std::pair<const Wanted*, std::shared_ptr<Impl::Flight>>> awaited;
  std::vector<Impl::Flight*> led;
  for (const Wanted& one : wanted) {
    Impl::Lookup lookup = impl_->Find(one);
    if (lookup.flight == nullptr) continue;
    if (lookup.leads) led.push_back(lookup.flight.get());
    awaited.emplace_back(&one, std::move(lookup.flight));
  }
  // Own loads land before any wait, so two callers that lead what the other needs never block each
  // other; a failure reaches those who wait too, so no flight stays in the air.
  if (!led.empty()) {
    std::vector<std::string> keys;
    keys.reserve(led.size());
    for (const Impl::Flight* flight : led) AppendKeys(flight->key, keys);
    std::vector<std::optional<std::string>> values;
    try {
      values = store_.MultiGet(keys);
    } catch (...) {
      for (Impl::Flight* flight : led) impl_->Fail(*flight, std::current_exception());
      throw;
    }
    size_t at = 0;
    for (Impl::Flight* flight : led) {
      impl_->Land(*flight, std::span(values).subspan(at, flight->keys()));
      at += flight->keys();
    }
  }
  for (auto& [one, flight] : awaited) *one->result = Impl::Await(*flight);
}

void Records::Impl::Overwrite(Shard& shard, const HashedKey& key, const Batch::Write* write) {
  std::optional<std::string> raw;
  if (write && CountersIn(key.text) > 0) {
    auto found = shard.entries.find(key);
    if (found == shard.entries.end()) return;
    Entry& entry = *found->second;
    // What no one has read yet is what a commit said to be absent.
    Counters counters;
    if (entry.parser) counters = *static_cast<const Counters*>(entry.value.get());
    Apply(*write, counters);
    entry.parser = &Parse<Counters>;
    entry.value = std::make_shared<const Counters>(counters);
    return;
  }
  if (write && write->kind == Batch::Kind::kPut) raw = write->value;
  if (write && write->kind == Batch::Kind::kAdd) {
    auto found = shard.entries.find(key);
    if (found == shard.entries.end()) return;
    const Entry& entry = *found->second;
    int64_t before = entry.parser == nullptr
                         ? DecodeCounter(entry.raw)
                         : static_cast<const Counter*>(entry.value.get())->value;
    raw = EncodeCounter(AddWrapping(before, write->delta));
  }
  shard.Remove(key);
  size_t cost = kEntryOverhead + key.text.size() + (raw ? 2 * raw->size() : 0);
  shard.Insert(std::make_unique<Entry>(Entry{.key = std::string(key.text),
                                             .value = nullptr,
                                             .parser = nullptr,
                                             .cost = cost,
                                             .raw = std::move(raw)}),
               shard_budget);
}

bool Records::CommitSoon(const Batch& batch) {
  // Between reading the epoch and applying the outcome nobody else may have written or loaded the
  // key: then the value of this commit is the newest. Otherwise the order of the two is not known
  // here, and the next reader asks the store. The other sees this one's change of the epoch just so.
  struct Touched {
    const Batch::Write* write;  // null: nothing is stored there
    HashedKey key;
    uint64_t epoch;
    size_t first;  // of the same key: counters of one owner
    bool alone = false;
  };
  std::vector<Touched> touched;
  auto touch = [&](std::string_view name, const Batch::Write* write) {
    if (!IsCached(name)) return;
    HashedKey key(name);
    auto first =
        CountersIn(name) == 0 ? touched.end() : std::ranges::find(touched, key, &Touched::key);
    touched.push_back({write, key, Impl::EpochOf(impl_->ShardOf(key), key),
                       static_cast<size_t>(first - touched.begin())});
  };
  for (const Batch::Write& write : batch.writes()) touch(CacheName(write.key), &write);
  for (const std::string& name : batch.absences()) touch(name, nullptr);
  bool known = false;
  auto apply = [&] {
    for (Touched& one : touched) {
      Impl::Shard& shard = impl_->ShardOf(one.key);
      MutexLock lock(shard.mutex);
      const Touched& first = touched[one.first];
      one.alone = &first == &one ? Impl::EpochOf(shard, one.key)++ == one.epoch : first.alone;
      shard.flights.erase(one.key);
      if (known && one.alone)
        impl_->Overwrite(shard, one.key, one.write);
      else
        shard.Remove(one.key);
    }
  };
  try {
    if (!store_.CommitSoon(batch)) return false;
    known = true;
  } catch (...) {
    apply();  // it may have been committed
    throw;
  }
  apply();
  return true;
}

void Records::Invalidate(std::span<const std::string> keys) {
  for (const std::string& text : keys) {
    HashedKey key(CacheName(text));
    Impl::Shard& shard = impl_->ShardOf(key);
    MutexLock lock(shard.mutex);
    ++Impl::EpochOf(shard, key);
    shard.flights.erase(key);
    shard.Remove(key);
  }
}

void Records::Clear() {
  for (size_t i = 0; i < impl_->shard_count; ++i) {
    Impl::Shard& shard = impl_->shards[i];
    MutexLock lock(shard.mutex);
    // What commits under way would leave may be just as old.
    for (std::atomic<uint64_t>& epoch : shard.epochs) ++epoch;
    shard.flights.clear();
    shard.entries.clear();
    shard.hand = nullptr;
    shard.bytes = 0;
  }
}

Records::Stats Records::stats() const {
  Stats sum{};
  for (size_t i = 0; i < impl_->shard_count; ++i) {
    Impl::Shard& shard = impl_->shards[i];
    MutexLock lock(shard.mutex);
    sum.hits += shard.hits;
    sum.misses += shard.misses;
    sum.evictions += shard.evictions;
    sum.bytes += shard.bytes;
    sum.entries += shard.entries.size();
  }
  return sum;
}

void RecordFetch::Run() {
  std::vector<Records::Wanted> wanted;
  wanted.reserve(slots_.size() - filled_);
  for (size_t i = filled_; i < slots_.size(); ++i) {
    wanted.push_back({&slots_[i]->key, slots_[i]->parser, &slots_[i]->loaded});
  }
  records_.Load(wanted);
  for (; filled_ < slots_.size(); ++filled_) slots_[filled_]->Fill();
}

}  // namespace stampede::store
