#pragma once

#include "features/accounts/service.h"
#include "features/instance/service.h"
#include "features/instance/site.h"
#include "net/route.h"

namespace stampede::instance {

// What this server is, for clients, other servers and people: /api/v1/instance and its children,
// /api/v2/instance, custom emojis, nodeinfo, host-meta, webfinger, manifest, robots.txt, favicon,
// the style sheet, /about and /privacy-policy. References outlive the table.
void AddRoutes(net::RouteTable& table, InstanceService& instance,
               accounts::AccountsService& accounts, const Site& site);

}  // namespace stampede::instance
