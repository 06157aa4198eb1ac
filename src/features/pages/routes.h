#pragma once

#include "base/clock.h"
#include "features/accounts/service.h"
#include "features/instance/service.h"
#include "features/instance/site.h"
#include "features/statuses/service.h"
#include "features/statuses/view.h"
#include "net/route.h"

namespace stampede::pages {

// The pages that people open in a browser, without signing in and without scripts: the front page,
// profiles and posts. What is passed outlives the table.
void AddRoutes(net::RouteTable& table, instance::InstanceService& instance,
               accounts::AccountsService& accounts, statuses::StatusesService& statuses,
               statuses::StatusViews& views, const Site& site, Clock& clock);

}  // namespace stampede::pages
