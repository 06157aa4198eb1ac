#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the statuses room
// | table          | byte | partition          | key fields              | value        |
// | status         | 0x30 | the status' (= its author's) | status        | StatusRecord |
// | status_counter | 0x31 | the status'        | status, StatusCounter   | counter      |
// | outbox_status  | 0x32 | the author's       | author, ~status         | OutboxRow    | all posts and boosts, newest first
// | reply          | 0x33 | the parent's       | parent, child           | empty        | oldest first
// | public_status  | 0x34 | one of 16, by the status | ~status           | OutboxRow    | public posts, newest first
// | idempotency    | 0x35 | the author's       | hour, author, SHA-256 of the Idempotency-Key | StatusRef |
// | my_status      | 0x36 | the account's      | account, status         | MyStatusRecord |
// | newest_mark    | 0x37 | the account's      | account                 | NewestMarkRecord |
namespace stampede::statuses {

// Stored in keys.
enum class StatusCounter : uint8_t { kReplies = 1, kReblogs = 2, kFavourites = 3 };

// The public timeline is spread over this many partitions, and read by merging them.
inline constexpr unsigned kPublicShards = 16;

std::string StatusKey(StatusId status);
std::string CounterKey(StatusId status, StatusCounter counter);
// All counters of the status, as store::Counters.
std::string CountersKey(StatusId status);
std::string OutboxKey(AccountId author, StatusId status);
store::KeyRange OutboxRange(AccountId author);
std::string ReplyKey(StatusId parent, StatusId child);
store::KeyRange ReplyRange(StatusId parent);
std::string PublicKey(StatusId status);
store::KeyRange PublicRange(unsigned shard);
// `hour` counts hours since the epoch, so that old rows of a partition are one range to erase.
std::string IdempotencyKey(AccountId author, int64_t hour, std::string_view hash);
// Every idempotency row of the partition from before `hour`.
store::KeyRange IdempotencyRangeBefore(Partition partition, int64_t hour);
std::string MyStatusKey(AccountId account, StatusId status);
// What the account did with the statuses from `first` to `last`, both included.
store::KeyRange MyStatusRange(AccountId account, StatusId first, StatusId last);
StatusId StatusOfMyStatusKey(std::string_view key);
// Whoever writes a MyStatusRecord sees to it that this one covers its status.
std::string NewestMarkKey(AccountId account);

}  // namespace stampede::statuses
