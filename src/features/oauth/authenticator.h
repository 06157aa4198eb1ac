#pragma once

#include <string_view>

#include "features/accounts/service.h"
#include "features/oauth/service.h"
#include "net/router.h"

namespace stampede::oauth {

// Who a bearer token stands for, from this node's record cache: a hit costs one SHA-256 and three
// look-ups. Thread-safe. References outlive it.
class TokenAuthenticator final : public net::Authenticator {
 public:
  TokenAuthenticator(OAuthService& oauth, accounts::AccountsService& accounts)
      : oauth_(oauth), accounts_(accounts) {}
  net::Caller Authenticate(std::string_view token) override;

 private:
  OAuthService& oauth_;
  accounts::AccountsService& accounts_;
};

// Throws kForbidden with Mastodon's text unless the account may be used.
void RequireActive(accounts::Standing standing);

}  // namespace stampede::oauth
