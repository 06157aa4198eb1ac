#include "features/instance/keys.h"

namespace stampede::instance {
namespace {

const store::Table kSetting(0x01, "instance_setting", store::Access::kRecord);
const store::Table kCounter(0x02, "instance_counter", store::Access::kIndex);

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
// 1970-01-01 was a Thursday: three days after a Monday.
constexpr int64_t kEpochDaysAfterMonday = 3;

Partition ShardPartition(unsigned shard) {
  return static_cast<Partition>(shard * (kPartitionCount / kCounterShards));
}

store::Key CounterPrefix(InstanceCounter counter, unsigned shard, int64_t period) {
  return std::move(store::Key(ShardPartition(shard), kCounter)
                       .Byte(static_cast<uint8_t>(counter))
                       .Uint(static_cast<uint64_t>(period)));
}

}  // namespace

int64_t DayOf(int64_t unix_ms) { return unix_ms / kDayMs; }
int64_t WeekOf(int64_t unix_ms) { return (DayOf(unix_ms) + kEpochDaysAfterMonday) / 7; }
int64_t WeekStartMs(int64_t week) { return (week * 7 - kEpochDaysAfterMonday) * kDayMs; }

std::string SettingKey(std::string_view name) {
  return store::Key(Partition{0}, kSetting).Text(name);
}

std::string CounterKey(InstanceCounter counter, Partition cause, int64_t period) {
  return CounterPrefix(counter, static_cast<unsigned>(cause) % kCounterShards, period);
}

store::KeyRange CounterRange(InstanceCounter counter, unsigned shard, int64_t first, int64_t last) {
  return {CounterPrefix(counter, shard, first), CounterPrefix(counter, shard, last + 1)};
}

void CountStatus(store::Batch& batch, StatusId status, int delta) {
  batch.Add(
      CounterKey(InstanceCounter::kWeekStatuses, status.partition(), WeekOf(status.time_ms())),
      delta);
}

void CountUser(store::Batch& batch, AccountId account, int64_t signed_up_ms, int delta) {
  batch.Add(CounterKey(InstanceCounter::kUsers, account.partition()), delta);
  batch.Add(CounterKey(InstanceCounter::kWeekSignUps, account.partition(), WeekOf(signed_up_ms)),
            delta);
}

void CountActivity(store::Batch& batch, AccountId account, int64_t before_day, int64_t now_ms) {
  int64_t today = DayOf(now_ms), week = WeekOf(now_ms);
  if (before_day >= 0) {
    batch.Add(CounterKey(InstanceCounter::kLastActiveDay, account.partition(), before_day), -1);
  }
  batch.Add(CounterKey(InstanceCounter::kLastActiveDay, account.partition(), today), 1);
  if (before_day < 0 || (before_day + kEpochDaysAfterMonday) / 7 != week) {
    batch.Add(CounterKey(InstanceCounter::kWeekActive, account.partition(), week), 1);
  }
}

}  // namespace stampede::instance
