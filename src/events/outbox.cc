#include "events/outbox.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "base/thread_name.h"
#include "events/keys.h"
#include "obs/log.h"

namespace stampede::events {
namespace {

constexpr int64_t kTickUs = 500'000;
constexpr int64_t kRoomTickUs = 20'000;
constexpr int64_t kRoomUs = 10'000'000;
constexpr int64_t kSweepEveryMs = 60'000;
// Processes that share a bus sweep for each other, in turn, so one that died is missed sooner.
constexpr int64_t kSharedSweepEveryMs = 20'000;
// A round leaves what was committed just before a crash, or just before the bus came back.
constexpr int64_t kUrgentPauseMs = Outbox::kUnannouncedMs + 1'000;
constexpr int kUrgentRounds = 2;
constexpr std::string_view kTask = "outbox_sweep";
constexpr unsigned kSlice = 256;          // partitions of one round trip
constexpr size_t kRowsPerPartition = 64;  // of one slice; a full answer is asked for again
constexpr size_t kErasuresPerBatch = 1'000;
constexpr size_t kErasuresWithoutThread = 1'000;
// More than this waits only when the store refuses to erase. Those left out are announced again.
constexpr size_t kErasuresMax = 200'000;

}  // namespace

Outbox::Outbox(store::Store& store, Bus& bus, Clock& clock)
    : store_(store), bus_(bus), clock_(clock), turns_(store, clock) {
  bus_.SetAcknowledgements(this);
}

Outbox::~Outbox() {
  bus_.SetAcknowledgements(nullptr);
  Stop();
}

void Outbox::OnAcknowledged(EventId event) { Announced({OutboxKey(event)}); }

void Outbox::OnForgotten() {
  {
    MutexLock lock(mutex_);
    urgent_rounds_ = kUrgentRounds;
  }
  wake_.NotifyAll();
}

void Outbox::Announced(std::vector<std::string> keys) {
  bool flush;
  {
    MutexLock lock(mutex_);
    if (announced_.size() + keys.size() > kErasuresMax) announced_.clear();
    std::move(keys.begin(), keys.end(), std::back_inserter(announced_));
    flush = !running_ && announced_.size() >= kErasuresWithoutThread;
  }
  if (flush) Flush();
}

void Outbox::Start() {
  MutexLock lock(mutex_);
  if (running_ || stopping_) return;
  running_ = true;
  if (!bus_.shared()) urgent_rounds_ = kUrgentRounds;
  thread_ = std::thread([this] {
    NameThread("outbox");
    Work();
  });
}

void Outbox::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    running_ = false;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  Flush();
}

bool Outbox::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void Outbox::Work() {
  while (!stopping()) {
    Flush();
    SweepIfDue();
    MutexLock lock(mutex_);
    if (!stopping_) wake_.WaitFor(mutex_, kTickUs);
  }
}

void Outbox::Flush() {
  std::vector<std::string> keys;
  {
    MutexLock lock(mutex_);
    keys.swap(announced_);
  }
  // A row that was swept while its first acknowledgement was on the way is here twice, and a batch
  // writes a key once.
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  size_t erased = 0;
  try {
    while (erased < keys.size()) {
      store::Batch batch;
      batch.Relax();
      size_t end = std::min(keys.size(), erased + kErasuresPerBatch);
      for (size_t i = erased; i < end; ++i) batch.Erase(keys[i]);
      store_.CommitSoon(batch);
      erased = end;
    }
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "cannot erase announced events", {{"error", error.what()}});
    MutexLock lock(mutex_);
    announced_.insert(announced_.end(), std::make_move_iterator(keys.begin() + erased),
                      std::make_move_iterator(keys.end()));
  }
}

void Outbox::SweepIfDue() {
  const int64_t now_us = clock_.MonotonicUs();
  bool urgent;
  {
    MutexLock lock(mutex_);
    // Two rounds to go: at once. One: after the pause.
    urgent = urgent_rounds_ == kUrgentRounds || (urgent_rounds_ > 0 && now_us >= next_sweep_us_);
    if (!urgent && now_us < next_sweep_us_) return;
    // Until the bus is back, rounds would only repeat to it what it cannot announce.
    if (!bus_.reachable()) return;
    if (urgent) --urgent_rounds_;
  }
  try {
    if (urgent || IsOurTurn()) Sweep();
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "outbox sweep failed", {{"error", error.what()}});
  }
  MutexLock lock(mutex_);
  const int64_t every_ms = bus_.shared() ? kSharedSweepEveryMs : kSweepEveryMs;
  next_sweep_us_ = now_us + (urgent_rounds_ > 0 ? kUrgentPauseMs : every_ms) * 1000;
}

bool Outbox::IsOurTurn() {
  return !bus_.shared() || turns_.Take(kTask, kSharedSweepEveryMs, kSharedSweepEveryMs);
}

void Outbox::Sweep() {
  const int64_t before_ms = clock_.NowMs() - kUnannouncedMs;
  for (unsigned first = 0; first < kPartitionCount && !stopping(); first += kSlice) {
    SweepSlice(first, before_ms);
  }
}

void Outbox::SweepSlice(unsigned first, int64_t before_ms) {
  bool more = true;
  std::vector<store::KeyRange> ranges;
  for (unsigned p = first; p < first + kSlice; ++p) {
    ranges.push_back(OutboxRange(static_cast<Partition>(p), before_ms));
  }
  while (more && !stopping()) {
    more = false;
    std::vector<store::ScanRequest> requests;
    for (const store::KeyRange& range : ranges) requests.push_back({range, kRowsPerPartition});
    store::Batch erasures;
    erasures.Relax();
    auto answers = store_.MultiScan(requests);
    for (size_t i = 0; i < answers.size(); ++i) {
      const std::vector<store::Row>& rows = answers[i];
      if (rows.empty()) continue;
      ranges[i].begin = rows.back().key + '\0';  // not again what could not be announced
      more |= rows.size() == kRowsPerPartition;
      AnnounceAll(rows, &erasures);
    }
    if (!erasures.empty()) store_.CommitSoon(erasures);
  }
}

bool Outbox::AwaitRoom() {
  MutexLock lock(mutex_);
  for (int64_t waited_us = 0; !bus_.reachable(); waited_us += kRoomTickUs) {
    if (stopping_) return false;
    if (waited_us >= kRoomUs) {
      urgent_rounds_ = kUrgentRounds;
      return false;
    }
    wake_.WaitFor(mutex_, kRoomTickUs);
  }
  return true;
}

void Outbox::AnnounceAll(const std::vector<store::Row>& rows, store::Batch* erasures) {
  for (const store::Row& row : rows) {
    if (!AwaitRoom()) return;
    try {
      auto event = std::make_shared<Event>(DecodeEvent(row.value));
      event->foreign = true;
      bus_.Publish(std::move(event));
      if (!bus_.shared()) erasures->Erase(row.key);
    } catch (const std::exception& error) {
      obs::Log(obs::LogLevel::kWarn, "cannot announce an event of the outbox",
               {{"error", error.what()}});
    }
  }
}

}  // namespace stampede::events
