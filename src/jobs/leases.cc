#include "jobs/leases.h"

#include <algorithm>

#include "base/limits.h"
#include "events/keys.h"
#include "jobs/keys.h"
#include "jobs/records.pb.h"
#include "obs/log.h"

namespace stampede::jobs {
namespace {

using events::proto::JobRecord;

constexpr unsigned kSlice = 256;           // partitions of one round trip
constexpr size_t kRowsPerPartition = 256;  // of one slice; a full answer is continued
constexpr size_t kClaimBytesMax = limits::kBatchBytesMax / 8;
static_assert(2 * (kClaimBytesMax + limits::kValueBytesMax) < limits::kBatchBytesMax);
constexpr int64_t kHangingLeases = 15;

std::optional<JobRecord> Parse(std::string_view value) {
  JobRecord record;
  if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    obs::Log(obs::LogLevel::kError, "a job row cannot be read");
    return std::nullopt;
  }
  return record;
}

}  // namespace

int64_t Leases::RunAtMs(std::string_view key, const JobRecord& record) const {
  int64_t due_ms = events::ReadJobKey(key).due_ms;
  // The only process on a store knows that whoever else held a lease is dead.
  bool void_lease = sharing_ == Sharing::kOneProcess && record.lease_owner() != owner_;
  return void_lease ? due_ms : std::max(due_ms, record.lease_until_ms());
}

std::vector<Leases::Candidate> Leases::Candidates(std::span<const std::string> keys,
                                                  Claims* claims) {
  const int64_t now_ms = clock_.NowMs();
  auto values = store_.MultiGet(keys);
  std::vector<Candidate> candidates;
  bool full = false;
  size_t bytes = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    std::optional<JobRecord> record = values[i] ? Parse(*values[i]) : std::nullopt;
    if (!record) {
      claims->gone.push_back(keys[i]);
      continue;
    }
    int64_t run_at_ms = RunAtMs(keys[i], *record);
    bool suspect = record->lease_until_ms() != 0;
    if (run_at_ms > now_ms || full || (suspect && !candidates.empty())) {
      claims->later.push_back({keys[i], run_at_ms});
      continue;
    }
    bytes += values[i]->size();
    full = suspect || bytes > kClaimBytesMax;
    candidates.push_back({keys[i], std::move(*values[i]), std::move(*record)});
  }
  return candidates;
}

bool Leases::Take(std::span<const Candidate> candidates, Claims* claims) {
  const int64_t now_ms = clock_.NowMs();
  store::Batch batch;
  batch.Relax();
  std::vector<std::shared_ptr<Held>> held;
  for (const Candidate& candidate : candidates) {
    JobRecord record = candidate.record;
    record.set_attempt(record.attempt() + 1);
    record.set_lease_owner(owner_);
    record.set_lease_until_ms(now_ms + lease_ms_);
    std::string value = record.SerializeAsString();
    batch.ExpectUnchanged(candidate.key, candidate.value);
    batch.Put(candidate.key, value);
    held.push_back(
        std::make_shared<Held>(candidate.key, std::move(record), std::move(value), now_ms));
  }
  if (!batch.empty() && !store_.Commit(batch)) return false;
  std::ranges::move(held, std::back_inserter(claims->held));
  return true;
}

Leases::Claims Leases::Claim(std::span<const std::string> keys) {
  Claims claims;
  std::vector<Candidate> candidates = Candidates(keys, &claims);
  if (Take(candidates, &claims)) return claims;
  // Somebody else took one of them; which one shows when we ask for each.
  for (const Candidate& candidate : candidates) {
    if (!Take({&candidate, 1}, &claims)) claims.later.push_back({candidate.key, clock_.NowMs()});
  }
  return claims;
}

void Leases::Renew(Held& held) {
  const int64_t now_ms = clock_.NowMs();
  MutexLock lock(held.mutex);
  bool fresh = held.lease_until_ms - now_ms > lease_ms_ * 2 / 3;
  if (fresh || held.ending || now_ms - held.since_ms > kHangingLeases * lease_ms_) return;
  JobRecord record = held.record;
  record.set_lease_until_ms(now_ms + lease_ms_);
  std::string value = record.SerializeAsString();
  store::Batch batch;
  batch.Relax();
  batch.ExpectUnchanged(held.key, held.value);
  batch.Put(held.key, value);
  if (!store_.Commit(batch)) return;  // lost; the end of the job will show it
  held.value = std::move(value);
  held.lease_until_ms = record.lease_until_ms();
}

std::string Leases::End(Held& held) {
  MutexLock lock(held.mutex);
  held.ending = true;
  return held.value;
}

void Leases::Release(Held& held) {
  JobRecord record = held.record;
  record.set_attempt(record.attempt() - 1);
  record.clear_lease_until_ms();
  record.clear_lease_owner();
  store::Batch batch;
  batch.Relax();
  batch.ExpectUnchanged(held.key, End(held));
  batch.Put(held.key, record.SerializeAsString());
  store_.Commit(batch);
}

std::optional<std::string> Leases::PutOff(Held& held, int64_t due_ms, std::string_view reason) {
  events::JobKeyFields fields = events::ReadJobKey(held.key);
  JobRecord record = held.record;
  record.clear_lease_until_ms();
  record.clear_lease_owner();
  record.set_last_error(std::string(reason));
  std::string key = events::JobKey(fields.partition, due_ms, fields.job);
  store::Batch batch;
  batch.Relax();
  batch.ExpectUnchanged(held.key, End(held));
  if (key != held.key) batch.Erase(held.key);
  batch.Put(key, record.SerializeAsString());
  if (!store_.Commit(batch)) return std::nullopt;
  return key;
}

bool Leases::Bury(Held& held, std::string_view reason) {
  events::JobKeyFields fields = events::ReadJobKey(held.key);
  proto::DeadJobRecord dead;
  dead.set_kind(held.record.kind());
  dead.set_payload(held.record.payload());
  dead.set_reason(std::string(reason));
  dead.set_enqueued_ms(held.record.enqueued_ms());
  dead.set_died_ms(clock_.NowMs());
  dead.set_attempts(held.record.attempt());
  store::Batch batch;
  batch.Relax();
  batch.ExpectUnchanged(held.key, End(held));
  batch.Erase(held.key);
  batch.Put(DeadJobKey(fields.partition, fields.job), dead.SerializeAsString());
  return store_.Commit(batch);
}

bool Leases::StillHeld(Held& held) {
  MutexLock lock(held.mutex);
  return store_.Get(held.key) == held.value;
}

void Leases::Sweep(int64_t before_ms,
                   const std::function<void(const std::string&, const JobRecord&)>& visit,
                   const std::function<bool()>& stop) {
  for (unsigned first = 0; first < kPartitionCount; first += kSlice) {
    std::vector<store::ScanRequest> requests;
    for (unsigned p = first; p < first + kSlice; ++p) {
      auto range = events::JobRange(static_cast<Partition>(p), before_ms);
      requests.push_back({std::move(range), kRowsPerPartition});
    }
    while (!requests.empty()) {
      if (stop()) return;
      std::vector<store::ScanRequest> unfinished;
      auto answers = store_.MultiScan(requests);
      for (size_t i = 0; i < answers.size(); ++i) {
        for (const store::Row& row : answers[i]) {
          if (auto record = Parse(row.value)) visit(row.key, *record);
        }
        if (answers[i].size() < kRowsPerPartition) continue;
        requests[i].range.begin = answers[i].back().key + '\0';
        unfinished.push_back(std::move(requests[i]));
      }
      requests = std::move(unfinished);
    }
  }
}

std::vector<JobRunner::DeadLetter> Leases::DeadLetters(size_t limit) {
  std::vector<JobRunner::DeadLetter> letters;
  for (unsigned first = 0; first < kPartitionCount && letters.size() < limit; first += kSlice) {
    std::vector<store::ScanRequest> requests;
    size_t wanted = std::min(limit - letters.size(), limits::kScanRowsMax);
    for (unsigned p = first; p < first + kSlice; ++p) {
      requests.push_back({DeadJobRange(static_cast<Partition>(p)), wanted});
    }
    for (const auto& rows : store_.MultiScan(requests)) {
      for (const store::Row& row : rows) {
        proto::DeadJobRecord dead;
        if (letters.size() == limit || !dead.ParseFromString(row.value)) continue;
        letters.push_back({dead.kind(), dead.payload(), dead.reason(), dead.died_ms()});
      }
    }
  }
  return letters;
}

}  // namespace stampede::jobs
