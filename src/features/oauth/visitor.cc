#include "features/oauth/visitor.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/crypto.h"

namespace stampede::oauth {
namespace {

constexpr std::string_view kCookie = "stampede_session";
constexpr size_t kCookieBytes = 43;  // 32 bytes as base64url

}  // namespace

Visitor::Visitor(const net::Request& request, OAuthService& oauth, Random& random, const Site& site)
    : oauth_(oauth), random_(random), secure_(site.base_url.starts_with("https:")) {
  if (auto sent = request.Cookie(kCookie); sent && sent->size() == kCookieBytes) {
    cookie_ = std::move(*sent);
    account_ = oauth_.SessionAccount(cookie_).value_or(AccountId());
  } else {
    cookie_ = random_.Token();
    fresh_ = true;
  }
}

std::string Visitor::csrf() const {
  return codec::Base64UrlEncode(codec::Sha256("form of " + cookie_));
}

void Visitor::CheckForm(const net::Request& request) const {
  std::string_view sent = request.params[kCsrfField].Text().value_or("");
  if (!codec::ConstantTimeEqual(sent, csrf())) {
    throw Error(ErrorCode::kForbidden,
                "This form is too old, or your browser does not keep our cookie. Go back, reload "
                "the page and try again.");
  }
}

void Visitor::SignIn(AccountId account) {
  if (account_) oauth_.EndSession(cookie_);
  cookie_ = oauth_.StartSession(account);
  account_ = account;
  fresh_ = true;
}

void Visitor::SignOut() {
  oauth_.EndSession(cookie_);
  cookie_ = random_.Token();
  account_ = AccountId();
  fresh_ = true;
}

net::Reply Visitor::Remember(net::Reply reply) const {
  if (fresh_) {
    reply.Header("Set-Cookie", std::string(kCookie) + "=" + cookie_ + "; Path=/; Max-Age=" +
                                   std::to_string(limits::kWebSessionMs / 1000) +
                                   "; HttpOnly; SameSite=Lax" + (secure_ ? "; Secure" : ""));
  }
  return reply;
}

}  // namespace stampede::oauth
