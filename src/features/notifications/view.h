#pragma once

#include <functional>

#include "codec/json_writer.h"
#include "features/accounts/view.h"
#include "features/instance/site.h"
#include "features/notifications/keys.h"
#include "features/notifications/records.pb.h"

namespace stampede::notifications {

// Whether notifications of that type show a status, and are nothing without it.
bool CarriesStatus(NotificationType type);

// Writes the Notification entity (docs.joinmastodon.org/entities/Notification) as one JSON object.
// `write_status` writes the Status entity, which this room does not know; empty for types without.
void RenderNotification(codec::JsonWriter& json, const NotificationRecord& notification,
                        const accounts::AccountData& sender, const Site& site,
                        const std::function<void(codec::JsonWriter&)>& write_status);

// The Marker entity (docs.joinmastodon.org/entities/Marker).
void RenderMarker(codec::JsonWriter& json, const MarkerRecord& marker);

}  // namespace stampede::notifications
