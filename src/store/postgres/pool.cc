#include "store/postgres/pool.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "obs/log.h"

namespace stampede::store::postgres {
namespace {

// After so long without a word, a connection is asked whether it is still there.
constexpr int64_t kIdleUs = 30'000'000;
constexpr int64_t kAnswerUs = 2'000'000;
// Away for longer: callers are refused without waiting, and one of them tries every so often.
constexpr int64_t kPatienceUs = 5'000'000;
constexpr int64_t kTryEveryUs = 500'000;
// Nothing of the kind happened for so long: the node is back.
constexpr int64_t kNodeBackUs = 2'000'000;
constexpr int64_t kPauseMinUs = 20'000, kPauseMaxUs = 500'000;

}  // namespace

void ThrowUnavailable(const std::string& detail) {
  throw Error(ErrorCode::kUnavailable, "The database is not available right now",
              "postgres: " + detail);
}

Pool::Pool(std::string database, size_t connections, int timeout_ms)
    : database_(std::move(database)), timeout_ms_(timeout_ms) {
  STAMPEDE_CHECK(connections > 0);
  for (size_t i = 0; i < connections; ++i) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->lane = RandomLane();
    idle_.push_back(slots_.back().get());
  }
}

Pool::~Pool() = default;

int64_t Pool::RandomLane() { return static_cast<int64_t>(random_.Bits()); }

Pool::Lease Pool::Borrow(int64_t deadline_us) {
  MutexLock lock(mutex_);
  while (idle_.empty()) {
    int64_t left_us = deadline_us - NowUs();
    if (left_us <= 0) ThrowUnavailable("every connection of database_pool is in use");
    returned_.WaitFor(mutex_, left_us);
  }
  Slot* slot = idle_.back();
  idle_.pop_back();
  return Lease(*this, slot);
}

void Pool::Return(Slot* slot) {
  {
    MutexLock lock(mutex_);
    // Those without a connection go to the bottom.
    idle_.insert(slot->connection ? idle_.end() : idle_.begin(), slot);
  }
  returned_.NotifyOne();
}

void Pool::DropAll() { ++generation_; }

bool Pool::NoteNodeLost() {
  const int64_t now_us = NowUs();
  MutexLock lock(mutex_);
  if (now_us - node_lost_us_ > kNodeBackUs) node_lost_since_us_ = now_us;
  node_lost_us_ = now_us;
  return now_us - node_lost_since_us_ > kPatienceUs;
}

void Pool::NoteNodeBack() {
  MutexLock lock(mutex_);
  node_lost_us_ = 0;
}

void Pool::Pause(int64_t us, int64_t deadline_us) {
  int64_t until_us = NowUs() + us / 2 + random_.Below(static_cast<uint32_t>(us / 2 + 1));
  until_us = std::min(until_us, deadline_us);
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  for (int64_t now_us = NowUs(); now_us < until_us; now_us = NowUs()) {
    never.WaitFor(mutex, until_us - now_us);
  }
}

void Pool::RefuseIfAway(int64_t now_us) {
  MutexLock lock(mutex_);
  if (away_since_us_ == 0 || now_us - away_since_us_ < kPatienceUs) return;
  if (now_us < next_try_us_) ThrowUnavailable(reason_);
  next_try_us_ = now_us + kTryEveryUs;
}

void Pool::NoteFailure(const std::string& reason) {
  obs::Log(obs::LogLevel::kWarn, "cannot connect to the database", {{"reason", reason}});
  MutexLock lock(mutex_);
  if (away_since_us_ == 0) away_since_us_ = NowUs();
  reason_ = reason;
}

void Pool::TryOpen(Slot& slot) {
  const uint64_t generation = generation_;
  slot.connection = std::make_unique<Connection>(database_, timeout_ms_);
  slot.generation = generation;
  connects_.fetch_add(1, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  away_since_us_ = 0;
}

void Pool::Open(Slot& slot, int64_t deadline_us, bool patient) {
  for (int64_t pause_us = kPauseMinUs;; pause_us = std::min(2 * pause_us, kPauseMaxUs)) {
    if (!patient) RefuseIfAway(NowUs());
    try {
      TryOpen(slot);
      return;
    } catch (const ConnectFailure& failure) {
      NoteFailure(failure.what());
      if (failure.lasting || NowUs() >= deadline_us) ThrowUnavailable(failure.what());
    }
    Pause(pause_us, deadline_us);
  }
}

Pool::Lease::~Lease() {
  slot_->used_us = NowUs();
  pool_.Return(slot_);
}

Connection& Pool::Lease::connection(int64_t deadline_us, bool patient) {
  if (slot_->connection) {
    const int64_t now_us = NowUs();
    bool stale = slot_->generation != pool_.generation_ || !slot_->connection->open() ||
                 (now_us - slot_->used_us > kIdleUs &&
                  !slot_->connection->Answers(std::min(deadline_us, now_us + kAnswerUs)));
    if (stale) Drop();
  }
  if (!slot_->connection) pool_.Open(*slot_, deadline_us, patient);
  slot_->used_us = NowUs();
  return *slot_->connection;
}

// Even, rising, and near the time, so that lanes long unused can be told; see commit_plan.h.
int64_t Pool::Lease::NextSeq() {
  static SystemClock clock;
  slot_->seq = std::max(slot_->seq + 2, clock.NowMs() * 2000);
  return slot_->seq;
}

void Pool::Lease::AbandonLane() { slot_->lane = pool_.RandomLane(); }

}  // namespace stampede::store::postgres
