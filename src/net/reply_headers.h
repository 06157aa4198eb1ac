#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/rate_limit.h"
#include "net/reply.h"
#include "net/request.h"
#include "net/route.h"

// The headers that the router adds to every answer, and the shape of refusals. Pure functions.
namespace stampede::net {

// Paths that scripts of other origins may use: the API, OAuth's machine endpoints, discovery,
// profiles as ActivityPub, media. Public and without credentials, so any origin is fine.
bool IsCrossOriginPath(std::string_view path);

struct CommonHeaders {
  Caching caching = Caching::kPrivate;
  bool secure = false;
  std::optional<RateLimiter::Result> limit;
};
// CORS, caching, rate limit, request id and the security headers; never a second time what the
// handler set.
void AddCommonHeaders(Reply& reply, const Request& request, const CommonHeaders& common);

// What a CORS preflight asks: https://fetch.spec.whatwg.org/#http-responses.
void AddPreflightHeaders(Reply& reply, const Request& request);

// A refusal of this request is better shown as a page than as JSON.
bool WantsPage(const Request& request);
Reply PlainErrorPage(const Error& error);

}  // namespace stampede::net
