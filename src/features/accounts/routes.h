#pragma once

#include "features/accounts/service.h"
#include "features/instance/site.h"
#include "features/media/blobs.h"
#include "features/media/pictures.h"
#include "features/oauth/service.h"
#include "features/relationships/service.h"
#include "net/route.h"

namespace stampede::accounts {

struct RouteDeps {
  AccountsService& accounts;
  oauth::OAuthService& oauth;                          // sign-up answers a token
  relationships::RelationshipsService& relationships;  // unlocking accepts who is waiting
  media::PictureMaker& pictures;
  media::BlobStore& blobs;
  const Site& site;
};

// Sign-up, reading accounts, one's own profile and preferences. What `deps` refers to outlives the
// table.
void AddRoutes(net::RouteTable& table, const RouteDeps& deps);

}  // namespace stampede::accounts
