#include "store/postgres/postgres_store.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "base/clock.h"
#include "base/error.h"
#include "obs/log.h"
#include "store/postgres/commit_plan.h"
#include "store/postgres/pool.h"
#include "store/validate.h"

namespace stampede::store {
namespace {

using postgres::Call;
using postgres::CommitPlan;
using postgres::CompleteConnectionString;
using postgres::ConnectFailure;
using postgres::Connection;
using postgres::Failure;
using postgres::NowUs;
using postgres::Param;
using postgres::Pool;
using postgres::Remedy;
using postgres::Result;
using postgres::SqlTable;
using postgres::Statement;
using postgres::ThrowUnavailable;

// Keys or ranges asked for in one round trip; more are asked in several.
constexpr size_t kKeysPerRoundTrip = 20'000;
constexpr size_t kRangesPerRoundTrip = 4'096;
constexpr int64_t kCollisionPauseUs = 1'000, kCollisionPauseMaxUs = 100'000;
constexpr int64_t kTroublePauseUs = 50'000, kTroublePauseMaxUs = 1'000'000;
constexpr int64_t kLaneKeptMs = 24LL * 3600 * 1000;
constexpr int64_t kSweepEveryUs = 6LL * 3600 * 1'000'000;

struct Counters {
  std::atomic<uint64_t> commits = 0, conflicts = 0, round_trips = 0, retries = 0, resolved = 0;
};

void Bump(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

// How long a call may go on, and how long it waits before it tries again.
class Tries {
 public:
  // Who is patient waits also for a node that has been away for long.
  Tries(Pool& pool, Counters& counters, int timeout_ms, bool patient = false)
      : pool_(pool),
        counters_(counters),
        deadline_us_(NowUs() + 1000LL * timeout_ms),
        patient_(patient) {}

  int64_t deadline_us() const { return deadline_us_; }

  // Returns when it is time for the next try. Throws when there is none to be had.
  void Again(const Failure& failure) {
    Remedy remedy = RemedyFor(failure);
    if (remedy == Remedy::kNone) {
      throw std::runtime_error("postgres: " + failure.sqlstate + " " + failure.message);
    }
    node_lost_ |= failure.node_lost;
    const bool hopeless = failure.node_lost && pool_.NoteNodeLost() && !patient_;
    if (hopeless || NowUs() >= deadline_us_) {
      ThrowUnavailable(failure.sqlstate + " " + failure.message);
    }
    Bump(counters_.retries);
    if (remedy == Remedy::kElsewhere && !failure.lost) pool_.DropAll();
    if (remedy == Remedy::kAgain) {
      pool_.Pause(collision_us_, deadline_us_);
      collision_us_ = std::min(2 * collision_us_, kCollisionPauseMaxUs);
    } else if (remedy == Remedy::kLater || troubles_++ > 0) {
      pool_.Pause(trouble_us_, deadline_us_);
      trouble_us_ = std::min(2 * trouble_us_, kTroublePauseMaxUs);
    }
  }

  // The last try was answered.
  void Done() {
    if (node_lost_) pool_.NoteNodeBack();
  }

 private:
  Pool& pool_;
  Counters& counters_;
  const int64_t deadline_us_;
  const bool patient_;
  bool node_lost_ = false;
  int64_t collision_us_ = kCollisionPauseUs;
  int64_t trouble_us_ = kTroublePauseUs;
  int troubles_ = 0;
};

// The reads of a store, by a pool.
class Reader {
 public:
  Reader(Pool& pool, Counters& counters, const PostgresOptions& options)
      : pool_(pool), counters_(counters), options_(options) {}

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys);
  std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests);

 private:
  struct Wanted {
    std::string_view key;
    size_t index;
  };
  template <class MakeCalls>
  std::vector<Result> Read(MakeCalls make_calls);
  void GetSorted(std::span<const Wanted> wanted, std::vector<std::optional<std::string>>* values);

  Pool& pool_;
  Counters& counters_;
  const PostgresOptions& options_;
};

// `make_calls(distributed)`, because the calls depend on what we are connected to.
template <class MakeCalls>
std::vector<Result> Reader::Read(MakeCalls make_calls) {
  Tries tries(pool_, counters_, options_.timeout_ms);
  for (;;) {
    std::vector<Result> results;
    std::optional<Failure> failure;
    {
      Pool::Lease lease = pool_.Borrow(tries.deadline_us());
      Connection& connection = lease.connection(tries.deadline_us());
      std::vector<Call> calls = make_calls(options_.route_by_partition || connection.distributed());
      Bump(counters_.round_trips);
      failure = connection.Run(calls, tries.deadline_us(), &results);
      if (!failure) {
        tries.Done();
        return results;
      }
      if (failure->lost) lease.Drop();
    }
    tries.Again(*failure);
  }
}

// Keys of one table, in their order, as one statement, or as one per partition.
void AddGets(std::span<const std::string_view> keys, SqlTable table, bool route,
             std::vector<Call>* calls) {
  auto add_one = [&](std::span<const std::string_view> of_part) {
    calls->push_back(Call(Statement::kGet, table)
                         .With(Param::Int4(postgres::PartOf(of_part.front())))
                         .With(Param::BytesArray(of_part)));
  };
  std::vector<int32_t> parts;
  size_t first = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    parts.push_back(postgres::PartOf(keys[i]));
    if (route && parts[i] != parts[first]) {
      add_one(keys.subspan(first, i - first));
      first = i;
    }
  }
  if (route || parts.front() == parts.back()) return add_one(keys.subspan(first));
  calls->push_back(
      Call(Statement::kGetMany, table).With(Param::Int4Array(parts)).With(Param::BytesArray(keys)));
}

void Reader::GetSorted(std::span<const Wanted> wanted,
                       std::vector<std::optional<std::string>>* values) {
  std::vector<Result> results = Read([&](bool route) {
    std::vector<std::string_view> keys[2];
    for (const Wanted& want : wanted) {
      auto& of_table = keys[static_cast<size_t>(postgres::SqlTableOf(want.key))];
      if (of_table.empty() || of_table.back() != want.key) of_table.push_back(want.key);
    }
    std::vector<Call> calls;
    for (SqlTable table : {SqlTable::kKv, SqlTable::kQueue}) {
      const auto& of_table = keys[static_cast<size_t>(table)];
      if (!of_table.empty()) AddGets(of_table, table, route, &calls);
    }
    return calls;
  });
  for (const Result& result : results) {
    for (size_t row = 0; row < result.rows(); ++row) {
      for (const Wanted& want :
           std::ranges::equal_range(wanted, result.Bytes(row, 0), {}, &Wanted::key)) {
        (*values)[want.index] = std::string(result.Bytes(row, 1));
      }
    }
  }
}

std::vector<std::optional<std::string>> Reader::MultiGet(std::span<const std::string> keys) {
  std::vector<std::optional<std::string>> values(keys.size());
  std::vector<Wanted> wanted;
  for (size_t i = 0; i < keys.size(); ++i) {
    RequireTable(keys[i]);
    wanted.push_back({keys[i], i});
  }
  std::ranges::sort(wanted, {}, &Wanted::key);
  for (size_t first = 0; first < wanted.size(); first += kKeysPerRoundTrip) {
    GetSorted(std::span(wanted).subspan(first, std::min(kKeysPerRoundTrip, wanted.size() - first)),
              &values);
  }
  return values;
}

std::vector<std::vector<Row>> Reader::MultiScan(std::span<const ScanRequest> requests) {
  std::vector<std::vector<Row>> answers(requests.size());
  std::vector<size_t> wanted;  // those that can have rows
  for (size_t i = 0; i < requests.size(); ++i) {
    ValidateScan(requests[i]);
    if (requests[i].limit > 0 && requests[i].range.begin < requests[i].range.end) {
      wanted.push_back(i);
    }
  }
  for (size_t first = 0; first < wanted.size(); first += kRangesPerRoundTrip) {
    auto some =
        std::span(wanted).subspan(first, std::min(kRangesPerRoundTrip, wanted.size() - first));
    std::vector<Result> results = Read([&](bool) {
      std::vector<Call> calls;
      for (size_t i : some) {
        const auto& [range, limit, direction] = requests[i];
        bool forward = direction == Direction::kForward;
        calls.push_back(Call(forward ? Statement::kScan : Statement::kScanBackward,
                             postgres::SqlTableOf(range.begin))
                            .With(Param::Int4(postgres::PartOf(range.begin)))
                            .With(Param::Bytes(range.begin))
                            .With(Param::Bytes(range.end))
                            .With(Param::Int8(static_cast<int64_t>(limit))));
      }
      return calls;
    });
    for (size_t i = 0; i < results.size(); ++i) {
      for (size_t row = 0; row < results[i].rows(); ++row) {
        answers[some[i]].push_back(
            {std::string(results[i].Bytes(row, 0)), std::string(results[i].Bytes(row, 1))});
      }
    }
  }
  return answers;
}

// Reads from the replica, and while that is away from the database itself.
class StaleReads final : public Store {
 private:
  template <class Read, class Otherwise>
  auto OrElse(Read read, Otherwise otherwise) {
    try {
      return read();
    } catch (const Error& error) {
      obs::Log(obs::LogLevel::kWarn, "the replica does not answer", {{"error", error.detail()}});
      return otherwise();
    }
  }

 public:
  StaleReads(const PostgresOptions& options, Counters& counters, Store& database)
      : pool_(CompleteConnectionString(options.replica, "prefer-standby"), options.connections,
              options.timeout_ms),
        reader_(pool_, counters, options),
        database_(database) {}

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
    return OrElse([&] { return reader_.MultiGet(keys); }, [&] { return database_.MultiGet(keys); });
  }
  std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) override {
    return OrElse([&] { return reader_.MultiScan(requests); },
                  [&] { return database_.MultiScan(requests); });
  }
  bool remote() const override { return true; }
  bool Commit(const Batch&) override {
    throw std::logic_error("store: a commit through stale_reads()");
  }
  uint64_t connects() const { return pool_.connects(); }

 private:
  Pool pool_;
  Reader reader_;
  Store& database_;
};

class PostgresStoreImpl final : public PostgresStore {
 public:
  explicit PostgresStoreImpl(const PostgresOptions& options)
      : options_(options),
        pool_(CompleteConnectionString(options.database, "read-write"), options.connections,
              options.timeout_ms),
        reader_(pool_, counters_, options_) {
    if (!options.replica.empty()) {
      replica_ = std::make_unique<StaleReads>(options_, counters_, *this);
    }
    SweepLanesIfDue();
  }

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override {
    return reader_.MultiGet(keys);
  }
  std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) override {
    return reader_.MultiScan(requests);
  }
  bool remote() const override { return true; }
  bool Commit(const Batch& batch) override;

  Stats stats() const override {
    uint64_t connects = pool_.connects() + (replica_ ? replica_->connects() : 0);
    return {counters_.commits, counters_.conflicts, counters_.round_trips, counters_.retries,
            connects,          counters_.resolved};
  }
  Store& stale_reads() override { return replica_ ? *replica_ : static_cast<Store&>(*this); }

 private:
  // Of one try. nullopt: it is not in, and may be tried again.
  std::optional<bool> TryCommit(CommitPlan& plan, Tries& tries, Pool::Lease& lease,
                                std::optional<Failure>* failure);
  bool IsIn(const CommitPlan& plan, Pool::Lease& lease);
  // Never throws: the commit before it is in.
  void SweepLanesIfDue();
  void SweepLanes();

  const PostgresOptions options_;
  Counters counters_;
  Pool pool_;
  Reader reader_;
  std::unique_ptr<StaleReads> replica_;
  std::atomic<int64_t> next_sweep_us_ = 0;
};

bool PostgresStoreImpl::Commit(const Batch& batch) {
  ValidateBatch(batch);
  if (batch.empty()) return true;
  CommitPlan plan(batch);
  std::optional<bool> outcome;
  if (plan.impossible()) outcome = false;
  Tries tries(pool_, counters_, options_.timeout_ms);
  while (!outcome) {
    std::optional<Failure> failure;
    {
      Pool::Lease lease = pool_.Borrow(tries.deadline_us());
      outcome = TryCommit(plan, tries, lease, &failure);
    }
    if (!outcome) tries.Again(*failure);
  }
  tries.Done();
  Bump(*outcome ? counters_.commits : counters_.conflicts);
  SweepLanesIfDue();
  return *outcome;
}

std::optional<bool> PostgresStoreImpl::TryCommit(CommitPlan& plan, Tries& tries, Pool::Lease& lease,
                                                 std::optional<Failure>* failure) {
  Connection& connection = lease.connection(tries.deadline_us());
  const std::vector<Call>& calls = plan.CallsFor(lease.lane(), lease.NextSeq());
  Bump(counters_.round_trips);
  *failure = connection.Run(calls, tries.deadline_us(), nullptr);
  if (!*failure) {
    if (!connection.unfinished()) return true;
    lease.AbandonLane();  // whose row may stay locked for a while
    ThrowUnavailable("a commit is in, but not on every node and standby yet");
  }
  if (plan.IsRefusal((*failure)->call, (*failure)->sqlstate)) return false;
  // The coordinator of Citus tells that a node is gone, but not whether it had committed before.
  const bool unknown = connection.distributed() && (*failure)->call + 1 == calls.size();
  if (!(*failure)->lost && !unknown) return std::nullopt;  // rolled back
  if ((*failure)->lost) lease.Drop();
  if (plan.writes() && IsIn(plan, lease)) return true;
  return std::nullopt;
}

// The connection was lost before the answer, maybe that between two nodes of Citus. Asks again;
// afterwards the lost transaction is either in, or will never be.
bool PostgresStoreImpl::IsIn(const CommitPlan& plan, Pool::Lease& lease) {
  const int64_t seq = lease.seq();
  Call fence(Statement::kFence);
  fence.With(Param::Int4(plan.home())).With(Param::Int8(lease.lane())).With(Param::Int8(seq));
  Tries tries(pool_, counters_, options_.timeout_ms, true);
  try {
    for (;;) {
      std::vector<Result> results;
      Connection& connection = lease.connection(tries.deadline_us(), true);
      Bump(counters_.round_trips);
      auto failure = connection.Run({&fence, 1}, tries.deadline_us(), &results);
      if (!failure) {
        Bump(counters_.resolved);
        tries.Done();
        return results.at(0).Int8(0, 0) == seq;
      }
      if (failure->lost || RemedyFor(*failure) == Remedy::kElsewhere) lease.Drop();
      tries.Again(*failure);
    }
  } catch (...) {
    lease.AbandonLane();
    throw;
  }
}

void PostgresStoreImpl::SweepLanesIfDue() {
  int64_t due_us = next_sweep_us_;
  const int64_t now_us = NowUs();
  if (now_us < due_us) return;
  if (!next_sweep_us_.compare_exchange_strong(due_us, now_us + kSweepEveryUs)) return;
  try {
    SweepLanes();
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "cannot sweep commit_lanes", {{"reason", error.what()}});
  }
}

void PostgresStoreImpl::SweepLanes() {
  SystemClock clock;
  Call sweep(Statement::kSweepLanes);
  sweep.With(Param::Int8((clock.NowMs() - kLaneKeptMs) * 2000));
  Tries tries(pool_, counters_, options_.timeout_ms);
  Pool::Lease lease = pool_.Borrow(tries.deadline_us());
  if (auto failure =
          lease.connection(tries.deadline_us()).Run({&sweep, 1}, tries.deadline_us(), nullptr)) {
    obs::Log(obs::LogLevel::kWarn, "cannot sweep commit_lanes", {{"reason", failure->message}});
    if (failure->lost) lease.Drop();
  }
}

}  // namespace

std::unique_ptr<PostgresStore> OpenPostgres(const PostgresOptions& options) {
  try {
    Connection probe(CompleteConnectionString(options.database, "read-write"), options.timeout_ms);
    if (!options.replica.empty()) CompleteConnectionString(options.replica, "any");
  } catch (const ConnectFailure& failure) {
    if (failure.no_schema) {
      throw Error(ErrorCode::kInternal,
                  "The database has no tables of Stampede (or old ones): run `stampede store init`",
                  failure.what());
    }
    throw Error(failure.lasting ? ErrorCode::kInternal : ErrorCode::kUnavailable,
                std::string("Cannot use the database: ") + failure.what());
  }
  return std::make_unique<PostgresStoreImpl>(options);
}

}  // namespace stampede::store
