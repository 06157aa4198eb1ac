#pragma once

#include "base/clock.h"
#include "features/instance/site.h"
#include "features/notifications/service.h"
#include "features/statuses/view.h"
#include "net/route.h"
#include "store/records.h"

namespace stampede::notifications {

// Adds the routes on notifications and markers. What is passed outlives the table.
void AddRoutes(net::RouteTable& table, NotificationsService& service, statuses::StatusViews& views,
               store::Records& records, const Site& site, Clock& clock);

}  // namespace stampede::notifications
