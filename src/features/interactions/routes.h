#pragma once

#include "features/interactions/service.h"
#include "features/statuses/view.h"
#include "net/route.h"

namespace stampede::interactions {

// What the handlers call; everything outlives the route table.
struct RouteDeps {
  InteractionsService& interactions;
  statuses::StatusViews& views;
  store::Records& records;
  const Site& site;
};

// Favourite, boost, their undo, who did, and the list of one's own favourites.
void AddRoutes(net::RouteTable& table, const RouteDeps& deps);

}  // namespace stampede::interactions
