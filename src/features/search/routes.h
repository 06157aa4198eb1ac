#pragma once

#include "features/accounts/service.h"
#include "features/instance/site.h"
#include "features/statuses/view.h"
#include "net/route.h"

namespace stampede::search {

// docs.joinmastodon.org/methods/search, for exact names and addresses. What is passed outlives the
// table.
void AddRoutes(net::RouteTable& table, accounts::AccountsService& accounts,
               statuses::StatusViews& views, const Site& site);

}  // namespace stampede::search
