#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/random.h"
#include "features/instance/site.h"
#include "features/oauth/service.h"
#include "net/reply.h"
#include "net/request.h"

namespace stampede::oauth {

// The browser behind a request to one of this server's own pages: its cookie, who is signed in
// there, and the proof that a form came from a page of ours. One thread, for one request.
//
// The cookie is 256 random bits, HttpOnly and SameSite=Lax; signing in replaces it, so that nobody
// can plant one beforehand. Every form carries a hash of it, which other sites cannot know
// (OWASP's synchronizer token pattern).
class Visitor {
 public:
  Visitor(const net::Request& request, OAuthService& oauth, Random& random, const Site& site);

  // None when nobody is signed in.
  AccountId account() const { return account_; }
  // For the hidden field kCsrfField of every form.
  std::string csrf() const;
  // Throws kForbidden unless the form carries it.
  void CheckForm(const net::Request& request) const;

  // Signs the browser in or out; the reply must go through Remember.
  void SignIn(AccountId account);
  void SignOut();
  // Sets the cookie if it is not what the browser has.
  net::Reply Remember(net::Reply reply) const;

  static constexpr std::string_view kCsrfField = "csrf";

 private:
  OAuthService& oauth_;
  Random& random_;
  bool secure_;
  std::string cookie_;
  bool fresh_ = false;
  AccountId account_;
};

}  // namespace stampede::oauth
