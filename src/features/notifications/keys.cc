#include "features/notifications/keys.h"

namespace stampede::notifications {
namespace {

const store::Table kNotification(0x40, "notification", store::Access::kIndex);
const store::Table kOnce(0x41, "notification_key", store::Access::kIndex);
const store::Table kFrom(0x42, "notification_from", store::Access::kIndex);
const store::Table kGroup(0x43, "notification_group", store::Access::kIndex);
const store::Table kMarker(0x44, "marker", store::Access::kRecord);

store::Key Of(const store::Table& table, AccountId recipient) {
  return std::move(store::Key(recipient.partition(), table).Id(recipient));
}

store::KeyRange All(const store::Table& table, AccountId recipient) {
  return store::KeyRange::Prefix(Of(table, recipient).str());
}

}  // namespace

std::string NotificationKey(AccountId recipient, NotificationId id) {
  return Of(kNotification, recipient).Desc(id);
}

std::string OnceKey(AccountId recipient, NotificationType type, AccountId sender, StatusId status) {
  return Of(kOnce, recipient).Byte(static_cast<uint8_t>(type)).Id(sender).Id(status);
}

std::string FromKey(AccountId recipient, AccountId sender, NotificationId id) {
  return Of(kFrom, recipient).Id(sender).Desc(id);
}

std::string GroupKey(AccountId recipient, NotificationType type, StatusId status) {
  return Of(kGroup, recipient).Byte(static_cast<uint8_t>(type)).Id(status);
}

std::string MarkerKey(AccountId account, MarkerTimeline timeline) {
  return Of(kMarker, account).Byte(static_cast<uint8_t>(timeline));
}

store::KeyRange AllNotifications(AccountId recipient) { return All(kNotification, recipient); }
store::KeyRange AllOnce(AccountId recipient) { return All(kOnce, recipient); }
store::KeyRange AllFrom(AccountId recipient) { return All(kFrom, recipient); }
store::KeyRange AllFrom(AccountId recipient, AccountId sender) {
  return store::KeyRange::Prefix(Of(kFrom, recipient).Id(sender).str());
}
store::KeyRange AllGroups(AccountId recipient) { return All(kGroup, recipient); }

}  // namespace stampede::notifications
