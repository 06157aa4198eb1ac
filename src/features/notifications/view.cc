#include "features/notifications/view.h"

#include "codec/iso_time.h"
#include "features/notifications/service.h"

namespace stampede::notifications {

bool CarriesStatus(NotificationType type) {
  return type != NotificationType::kFollow && type != NotificationType::kFollowRequest;
}

void RenderNotification(codec::JsonWriter& json, const NotificationRecord& notification,
                        const accounts::AccountData& sender, const Site& site,
                        const std::function<void(codec::JsonWriter&)>& write_status) {
  auto type = static_cast<NotificationType>(notification.type());
  json.Object().Field("id", NotificationId(notification.id()));
  json.Field("type", NotificationTypeName(type));
  json.Field("created_at", codec::IsoTime(notification.created_ms()));
  json.Field("group_key", notification.group_key()).Key("account");
  accounts::RenderAccount(json, sender, site);
  if (write_status) {
    json.Key("status");
    write_status(json);
  }
  json.EndObject();
}

void RenderMarker(codec::JsonWriter& json, const MarkerRecord& marker) {
  // A string, "0" for a timeline that was never read: Elk reads it without a check.
  json.Object().Field("last_read_id", std::to_string(marker.last_read_id()));
  json.Field("version", marker.version());
  json.Field("updated_at", codec::IsoTime(marker.updated_ms())).EndObject();
}

}  // namespace stampede::notifications
