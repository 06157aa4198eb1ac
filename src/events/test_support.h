#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/random.h"
#include "events/bus.h"
#include "events/committer.h"
#include "store/memory/memory_store.h"
#include "store/records.h"
#include "store/rocksdb/rocksdb_store.h"
#include "store/test_support.h"

// What the tests of events and jobs share. For test programs only.
namespace stampede::events::testing {

// Waits, bounded, until the condition holds; for what has no signal of its own.
inline bool Eventually(const std::function<bool()>& condition, int64_t timeout_ms = 10'000) {
  SystemClock real;
  const int64_t deadline_us = real.MonotonicUs() + timeout_ms * 1000;
  Mutex mutex;
  CondVar never;
  while (!condition()) {
    if (real.MonotonicUs() > deadline_us) return false;
    MutexLock lock(mutex);
    never.WaitFor(mutex, 1'000);
  }
  return true;
}

// Closed until opened; whoever passes waits for that.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    MutexLock lock(mutex_);
    ++waiting_;
    while (!open_) changed_.Wait(mutex_);
    --waiting_;
  }
  int waiting() {
    MutexLock lock(mutex_);
    return waiting_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ STAMPEDE_GUARDED_BY(mutex_) = false;
  int waiting_ STAMPEDE_GUARDED_BY(mutex_) = 0;
};

// An engine by name, with a directory of its own if it needs one. "remote" is one that says that it
// is in another process.
struct Engine {
  explicit Engine(const std::string& name) {
    if (name == "memory" || name == "remote") {
      auto memory = std::make_unique<store::MemoryStore>();
      memory->set_remote(name == "remote");
      store = std::move(memory);
    } else {
      directory = std::make_unique<store::testing::TempDir>();
      store = store::OpenRocksDb({.path = directory->path() + "/store"});
    }
  }

  std::unique_ptr<store::testing::TempDir> directory;
  std::unique_ptr<store::Store> store;
};

// Fails the commit number `fail_at` (from 1): before it is applied; after, so that its outcome is
// unknown to the caller; or at the disk, so that everybody reads it and it never becomes durable, nor
// does what follows. Thread-safe.
class FaultyStore final : public store::Store {
 public:
  enum class Fault { kBefore, kAfter, kNotDurable };
  FaultyStore(store::Store& below, int fail_at, Fault fault)
      : below_(below), fail_at_(fail_at), fault_(fault) {}

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
    return below_.MultiGet(keys);
  }
  std::vector<std::vector<store::Row>> MultiScan(
      std::span<const store::ScanRequest> requests) override {
    return below_.MultiScan(requests);
  }
  bool Commit(const store::Batch& batch) override {
    bool fails = ++commits_ == fail_at_;
    if (fails && fault_ == Fault::kBefore) throw std::runtime_error("fault before the commit");
    bool committed = below_.Commit(batch);
    if (fails && fault_ == Fault::kAfter) throw std::runtime_error("fault after the commit");
    return committed;
  }
  bool remote() const override { return below_.remote(); }
  void WhenDurable(Then then) override {
    if (!failed() || fault_ != Fault::kNotDurable) return below_.WhenDurable(std::move(then));
    then(std::make_exception_ptr(std::runtime_error("fault of the disk")));
  }
  bool failed() const { return commits_ >= fail_at_; }

 private:
  store::Store& below_;
  const int fail_at_;
  const Fault fault_;
  std::atomic<int> commits_{0};
};

// Remembers what it hears. One that is given a bus subscribes for its own lifetime; else it outlives
// the bus it is subscribed to.
class Recorder final : public Bus::Subscriber {
 public:
  Recorder() = default;
  explicit Recorder(Bus& bus) : bus_(&bus) { bus.Subscribe("recorder", this); }
  ~Recorder() override {
    if (bus_) bus_->Unsubscribe(this);
  }

  void OnEvent(const Event& event) override {
    MutexLock lock(mutex_);
    events_.push_back(event);
  }
  void OnGap() override { ++gaps; }
  bool OnIdle() override { return ++idles % 3 != 0; }

  std::vector<Event> events() {
    MutexLock lock(mutex_);
    return events_;
  }
  std::vector<std::string> payloads() {
    std::vector<std::string> payloads;
    for (Event& event : events()) payloads.push_back(std::move(event.payload));
    return payloads;
  }
  std::atomic<int> gaps{0};
  std::atomic<int> idles{0};

 private:
  Bus* const bus_ = nullptr;
  Mutex mutex_;
  std::vector<Event> events_ STAMPEDE_GUARDED_BY(mutex_);
};

// A bus to others that is down.
class BrokenBus final : public Bus {
 public:
  void Publish(std::shared_ptr<const Event>) override { throw std::runtime_error("bus is down"); }
  void Subscribe(std::string, Subscriber*) override {}
  void Unsubscribe(Subscriber*) override {}
  bool WaitUntilHandled(Subscriber*, int64_t) override { return true; }
  void Stop() override {}
  bool shared() const override { return true; }
};

// One process on a store, up to the committer.
struct Node {
  Node(store::Store& store, Clock& clock, std::unique_ptr<Bus> its_bus = MakeInProcessBus())
      : records(store, 1 << 20),
        bus(std::move(its_bus)),
        ids(clock, random),
        committer(store, records, *bus, ids, clock) {}
  ~Node() {
    committer.Stop();
    bus->Stop();
  }

  SystemRandom random;
  store::Records records;
  std::unique_ptr<Bus> bus;
  IdGenerator ids;
  Committer committer;
};

inline AccountId Author(unsigned partition) {
  return AccountId::Make(1'600'000'000'000, static_cast<Partition>(partition), 1);
}

inline std::shared_ptr<const Event> MakeEvent(const std::string& payload) {
  return std::make_shared<const Event>(
      Event{EventId(7), EventKind::kStatusCreated, Author(1), payload, {}});
}

}  // namespace stampede::events::testing
