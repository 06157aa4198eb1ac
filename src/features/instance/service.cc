#include "features/instance/service.h"

#include "codec/base64.h"
#include "features/instance/keys.h"
#include "features/instance/records.pb.h"
#include "features/instance/vapid.h"

namespace stampede::instance {
namespace {

constexpr int64_t kSnapshotMs = 60'000;
constexpr int64_t kMonthDays = 28;
constexpr int64_t kHalfYearDays = 180;
constexpr int64_t kWeeks = 12;
constexpr std::string_view kVapidSetting = "vapid_private_and_public";
constexpr size_t kPrivateKeyBytes = 32;

// Sums of one counter over all shards, by period from `first` to `last`.
std::vector<int64_t> SumByPeriod(store::Store& store, InstanceCounter counter, int64_t first,
                                 int64_t last) {
  auto count = static_cast<size_t>(last - first + 1);
  std::vector<store::ScanRequest> requests;
  for (unsigned shard = 0; shard < kCounterShards; ++shard) {
    requests.push_back({.range = CounterRange(counter, shard, first, last), .limit = count});
  }
  std::vector<int64_t> sums(count, 0);
  for (const auto& rows : store.MultiScan(requests)) {
    for (const store::Row& row : rows) {
      store::KeyReader reader(row.key);
      reader.Byte();
      sums[reader.Uint() - static_cast<uint64_t>(first)] += store::DecodeCounter(row.value);
    }
  }
  return sums;
}

int64_t Total(std::span<const int64_t> values) {
  int64_t sum = 0;
  for (int64_t value : values) sum += value;
  return std::max<int64_t>(sum, 0);
}

}  // namespace

InstanceService::InstanceService(events::Committer& committer, Random& random,
                                 store::Store* counted)
    : committer_(committer), counted_(counted ? *counted : committer.store()), random_(random) {}

InstanceService::Snapshot InstanceService::Count(int64_t now_ms) {
  store::Store& store = counted_;
  Snapshot counted{.taken_ms = now_ms};
  counted.stats.users = Total(SumByPeriod(store, InstanceCounter::kUsers, 0, 0));
  int64_t today = DayOf(now_ms);
  auto days = SumByPeriod(store, InstanceCounter::kLastActiveDay, today - kHalfYearDays + 1, today);
  counted.stats.active_half_year = Total(days);
  counted.stats.active_month = Total(std::span(days).last(kMonthDays));

  int64_t week = WeekOf(now_ms), first = week - kWeeks + 1;
  // Of all time: one row a week and shard, instead of one that every post writes besides.
  auto all_statuses = SumByPeriod(store, InstanceCounter::kWeekStatuses, 0, week);
  counted.stats.statuses = Total(all_statuses);
  auto statuses = std::span(all_statuses).last(kWeeks);
  auto sign_ups = SumByPeriod(store, InstanceCounter::kWeekSignUps, first, week);
  auto active = SumByPeriod(store, InstanceCounter::kWeekActive, first, week);
  for (int64_t i = kWeeks - 1; i >= 0; --i) {
    auto at = static_cast<size_t>(i);
    counted.weeks.push_back({WeekStartMs(first + i), std::max<int64_t>(statuses[at], 0),
                             std::max<int64_t>(active[at], 0), std::max<int64_t>(sign_ups[at], 0)});
  }
  return counted;
}

// Two callers may count at the same time; both get a right answer.
InstanceService::Snapshot InstanceService::Current() {
  int64_t now = committer_.clock().NowMs();
  {
    MutexLock lock(mutex_);
    if (snapshot_.taken_ms <= now && now - kSnapshotMs < snapshot_.taken_ms) return snapshot_;
  }
  Snapshot counted = Count(now);
  MutexLock lock(mutex_);
  return snapshot_ = std::move(counted);
}

Stats InstanceService::GetStats() { return Current().stats; }
std::vector<Week> InstanceService::Activity() { return Current().weeks; }

std::string InstanceService::VapidPublicKey() {
  {
    MutexLock lock(mutex_);
    if (!vapid_public_.empty()) return vapid_public_;
  }
  const std::string key = SettingKey(kVapidSetting);
  std::string public_key;
  committer_.Run([&](events::Action& action) {
    SettingRecord setting;
    if (auto bytes = committer_.store().Get(key)) {
      if (!setting.ParseFromString(*bytes)) throw std::runtime_error("instance: setting broken");
      public_key = setting.value().substr(kPrivateKeyBytes);
      return;
    }
    VapidKeys keys = MakeVapidKeys(random_);
    public_key = keys.public_key;
    setting.set_value(keys.private_key + keys.public_key);
    action.batch.ExpectAbsent(key);
    action.batch.Put(key, setting.SerializeAsString());
  });
  MutexLock lock(mutex_);
  return vapid_public_ = codec::Base64UrlEncode(public_key);
}

}  // namespace stampede::instance
