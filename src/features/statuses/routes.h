#pragma once

#include "features/interactions/service.h"
#include "features/oauth/service.h"
#include "features/relationships/service.h"
#include "features/statuses/service.h"
#include "features/statuses/view.h"
#include "net/route.h"

namespace stampede::statuses {

// What the handlers call; everything outlives the route table.
struct RouteDeps {
  StatusesService& statuses;
  StatusViews& views;
  interactions::InteractionsService& interactions;  // deleting a boost undoes it
  oauth::OAuthService& oauth;                       // the application that posts
  store::Records& records;
  const Site& site;
};

// Posts (create, read, context, delete), the statuses of an account, and the public timelines.
void AddRoutes(net::RouteTable& table, const RouteDeps& deps);

}  // namespace stampede::statuses
