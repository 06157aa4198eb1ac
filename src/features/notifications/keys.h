#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the notifications room. All rows live in the recipient's partition.
// | table              | byte | key fields                       | value              |
// | notification       | 0x40 | recipient, ~notification         | NotificationRecord | newest first
// | notification_key   | 0x41 | recipient, type, sender, status  | NotificationRef    | what was told already
// | notification_from  | 0x42 | recipient, sender, ~notification | NotificationRecord | one sender's, newest first
// | notification_group | 0x43 | recipient, type, status          | GroupRecord        |
// | marker             | 0x44 | account, MarkerTimeline          | MarkerRecord       |
namespace stampede::notifications {

// Stored and sent: the numbers never change. Names: NotificationTypeName.
enum class NotificationType : uint8_t {
  kMention = 1,
  kStatus = 2,
  kReblog = 3,
  kFollow = 4,
  kFollowRequest = 5,
  kFavourite = 6,
  kPoll = 7,
  kUpdate = 8,
};

// Stored in keys.
enum class MarkerTimeline : uint8_t { kHome = 1, kNotifications = 2 };

std::string NotificationKey(AccountId recipient, NotificationId id);
std::string OnceKey(AccountId recipient, NotificationType type, AccountId sender, StatusId status);
std::string FromKey(AccountId recipient, AccountId sender, NotificationId id);
std::string GroupKey(AccountId recipient, NotificationType type, StatusId status);
std::string MarkerKey(AccountId account, MarkerTimeline timeline);

store::KeyRange AllNotifications(AccountId recipient);
store::KeyRange AllOnce(AccountId recipient);
store::KeyRange AllFrom(AccountId recipient);
store::KeyRange AllFrom(AccountId recipient, AccountId sender);
store::KeyRange AllGroups(AccountId recipient);

}  // namespace stampede::notifications
