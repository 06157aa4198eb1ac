#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "features/accounts/service.h"
#include "features/instance/service.h"
#include "features/instance/site.h"
#include "features/oauth/service.h"
#include "net/rate_limit.h"
#include "net/route.h"

namespace stampede::oauth {

struct RouteDeps {
  OAuthService& oauth;
  accounts::AccountsService& accounts;
  instance::InstanceService& instance;
  Random& random;
  const Site& site;
  net::RateLimiter* limiter = nullptr;  // counts sign-ins per account; null: unlimited
};

// /api/v1/apps, /oauth/…, /auth/… and the discovery document. What `deps` refers to outlives the
// table.
void AddRoutes(net::RouteTable& table, const RouteDeps& deps);

// Parts of AddRoutes: for programs, and for people.
void AddMachineRoutes(net::RouteTable& table, const RouteDeps& deps);
void AddAuthorizeRoutes(net::RouteTable& table, const RouteDeps& deps);
void AddSignInRoutes(net::RouteTable& table, const RouteDeps& deps);

// The sign-in form; afterwards the browser goes to `return_to`, a path of ours. `app_name` says
// for whom, when an application asks.
struct SignInForm {
  std::string csrf;
  std::string return_to;
  std::string login;
  std::string problem;
  std::string app_name;
};
net::Reply SignInPage(const Site& site, const SignInForm& form);

}  // namespace stampede::oauth
