#include "net/reply_headers.h"

#include <algorithm>
#include <array>

#include "codec/html.h"
#include "codec/iso_time.h"

namespace stampede::net {
namespace {

constexpr std::array<std::string_view, 6> kMachinePaths = {
    "/api/", "/oauth/token", "/oauth/revoke", "/oauth/userinfo", "/.well-known/", "/nodeinfo"};
constexpr std::array<std::string_view, 3> kOtherCrossOriginPaths = {"/media", "/@", "/users/"};
constexpr std::string_view kExposed =
    "Link, Mastodon-Async-Refresh, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "X-Request-Id";

template <size_t N>
bool StartsWithAny(std::string_view path, const std::array<std::string_view, N>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return path.starts_with(prefix); });
}

void AddUnlessSet(Reply& reply, std::string_view name, std::string_view value) {
  if (!reply.HasHeader(name)) reply.Header(std::string(name), std::string(value));
}

// behaviour of docs.joinmastodon.org and app/controllers/concerns/cache_concern.rb: errors and
// answers to a token are nobody else's.
std::string_view CacheControl(Caching caching, const Reply& reply, const Request& request) {
  if (reply.status >= 400) return "private, no-store";
  bool read = request.method == Method::kGet || request.method == Method::kHead;
  switch (caching) {
    case Caching::kPrivate:
      break;
    case Caching::kPublic:
      if (!read || !request.caller.anonymous()) break;
      return "public, max-age=15, stale-while-revalidate=30, stale-if-error=86400";
    case Caching::kSlow:
      return "public, max-age=300";
    case Caching::kForever:
      return "public, max-age=31536000, immutable";
  }
  return "private, no-store";
}

// With microseconds, as the reference server writes it.
std::string IsoMicroseconds(int64_t unix_ms) {
  std::string text = codec::IsoTime(unix_ms);
  return text.insert(text.size() - 1, "000");
}

void AddSecurityHeaders(Reply& reply, bool secure) {
  AddUnlessSet(reply, "X-Content-Type-Options", "nosniff");
  AddUnlessSet(reply, "Referrer-Policy", "same-origin");
  if (reply.content_type.starts_with("application/json")) {
    AddUnlessSet(reply, "Content-Security-Policy",
                 "default-src 'none'; frame-ancestors 'none'; form-action 'none'");
  } else if (reply.content_type.starts_with("text/html")) {
    AddUnlessSet(reply, "Content-Security-Policy", "frame-ancestors 'none'");
    if (secure) AddUnlessSet(reply, "Strict-Transport-Security", "max-age=63072000");
  }
}

}  // namespace

bool IsCrossOriginPath(std::string_view path) {
  return StartsWithAny(path, kMachinePaths) || StartsWithAny(path, kOtherCrossOriginPaths);
}

void AddCommonHeaders(Reply& reply, const Request& request, const CommonHeaders& common) {
  if (IsCrossOriginPath(request.path)) {
    AddUnlessSet(reply, "Access-Control-Allow-Origin", "*");
    AddUnlessSet(reply, "Access-Control-Expose-Headers", kExposed);
  }
  AddUnlessSet(reply, "Cache-Control", CacheControl(common.caching, reply, request));
  // Not set-unless-set: a handler that varies by Accept still varies by the token.
  if (common.caching == Caching::kPrivate || common.caching == Caching::kPublic) {
    reply.Header("Vary", "Authorization");
  }
  if (common.limit) {
    reply.Header("X-RateLimit-Limit", std::to_string(common.limit->limit));
    reply.Header("X-RateLimit-Remaining", std::to_string(common.limit->remaining));
    reply.Header("X-RateLimit-Reset", IsoMicroseconds(common.limit->reset_ms));
  }
  reply.Header("X-Request-Id", request.request_id);
  AddSecurityHeaders(reply, common.secure);
}

void AddPreflightHeaders(Reply& reply, const Request& request) {
  reply.Header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
  // Names only, so that nothing else can be reflected.
  std::string_view asked = request.Header("access-control-request-headers");
  bool plain =
      !asked.empty() && asked.size() <= 1024 && std::all_of(asked.begin(), asked.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == ',' || c == ' ';
      });
  reply.Header("Access-Control-Allow-Headers",
               plain ? std::string(asked) : "Authorization, Content-Type, Idempotency-Key");
  reply.Header("Access-Control-Max-Age", "7200");
}

bool WantsPage(const Request& request) {
  if (StartsWithAny(request.path, kMachinePaths)) return false;
  std::string_view accept = request.Header("accept");
  return accept.empty() || accept.find("text/html") != accept.npos ||
         accept.find("*/*") != accept.npos;
}

Reply PlainErrorPage(const Error& error) {
  int status = HttpStatus(error.code());
  std::string html =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>Error " +
      std::to_string(status) + "</title><h1>Error " + std::to_string(status) + "</h1><p>";
  codec::AppendEscapedHtml(html, error.public_text());
  return Reply::Html(html + "</p></html>\n", status);
}

}  // namespace stampede::net
