#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "net/rate_limit.h"
#include "net/route.h"
#include "net/server.h"
#include "obs/metrics.h"

namespace stampede::net {

// Finds out who a bearer token stands for. Implemented by the oauth room.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Throws Error(kUnauthorized) for an unknown or revoked token, Error(kForbidden) when the account
  // may not use the API (unconfirmed, awaiting approval, disabled, suspended).
  virtual Caller Authenticate(std::string_view token) = 0;
};

struct RouterOptions {
  // HttpHandler::WhenSettled; none: everything is settled at once.
  std::function<void(HttpHandler::Send)> when_settled;
  double rate_limit_scale = 1.0;  // 0 switches rate limits off
  bool secure = false;            // served over https: adds Strict-Transport-Security to pages
  // Draws a refusal for a browser that asked for a page; none: a plain small page. The API, OAuth's
  // machine endpoints and discovery always answer with JSON.
  std::function<Reply(const Request&, const Error&)> error_page;
};

// From a request to a reply: matches the route, answers CORS preflights, parses parameters, checks
// token, scope and rate limit, calls the handler, turns exceptions into error replies and adds the
// headers that every answer carries. Thread-safe after construction.
class Router final : public HttpHandler {
 public:
  Router(RouteTable table, Authenticator& authenticator, RateLimiter& limiter, Clock& clock,
         obs::Metrics& metrics, RouterOptions options);
  ~Router() override;

  size_t BodyBytesMax(Method method, std::string_view path) const override;
  Reply Handle(Request& request) override;
  void WhenSettled(Send send) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::net
