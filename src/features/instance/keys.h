#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the instance room
// | table            | byte | partition              | key fields                     | value |
// | instance_setting | 0x01 | 0                      | name                           |
// SettingRecord | | instance_counter | 0x02 | one of 16, by the cause | InstanceCounter, week or
// day, 0 | counter |
namespace stampede::instance {

// What the server counts about itself. Stored in keys: numbers never change meaning.
enum class InstanceCounter : uint8_t {
  kUsers = 1,          // local users who may use their account
  kWeekStatuses = 3,   // local statuses by week of writing; all weeks together are all statuses
  kWeekSignUps = 4,    // users by week of signing up
  kWeekActive = 5,     // distinct users active in a week
  kLastActiveDay = 6,  // users by the day of their latest activity, so that the sum of the last
                       // n days is the number of users active within n days
};

// Every counter is spread over this many partitions, so that no single row is written by everybody.
inline constexpr unsigned kCounterShards = 16;

// Whole days and weeks since the Unix epoch; weeks start on Monday.
int64_t DayOf(int64_t unix_ms);
int64_t WeekOf(int64_t unix_ms);
int64_t WeekStartMs(int64_t week);

std::string SettingKey(std::string_view name);
// `cause` is whatever the count is about; it only chooses the shard.
std::string CounterKey(InstanceCounter counter, Partition cause, int64_t period = 0);
// Periods from `first` to `last`, both included, of one shard (< kCounterShards).
store::KeyRange CounterRange(InstanceCounter counter, unsigned shard, int64_t first, int64_t last);

// For the batch that creates (+1) or deletes (-1) a local status.
void CountStatus(store::Batch& batch, StatusId status, int delta);
// For the batch after which a local account may be used (+1), or may no longer (-1).
void CountUser(store::Batch& batch, AccountId account, int64_t signed_up_ms, int delta);
// For the batch that moves a user's latest day of activity; `before_day` -1 when there was none.
void CountActivity(store::Batch& batch, AccountId account, int64_t before_day, int64_t now_ms);

}  // namespace stampede::instance
