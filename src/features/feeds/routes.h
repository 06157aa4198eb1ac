#pragma once

#include "features/feeds/view.h"
#include "net/route.h"

namespace stampede::feeds {

// GET /api/v1/timelines/home.
void AddRoutes(net::RouteTable& table, HomeTimeline& home, statuses::StatusViews& views,
               const Site& site);

}  // namespace stampede::feeds
