#pragma once

#include "base/clock.h"
#include "features/instance/site.h"
#include "features/relationships/service.h"
#include "net/route.h"
#include "store/records.h"

namespace stampede::relationships {

// Adds the routes on following, blocking, muting and their lists. What is passed outlives the
// table.
void AddRoutes(net::RouteTable& table, RelationshipsService& service, store::Records& records,
               const Site& site, Clock& clock);

}  // namespace stampede::relationships
