#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "net/reply.h"
#include "net/request.h"

namespace stampede::net {

enum class Auth : uint8_t {
  kNone,      // a token is ignored: sign-in pages, discovery, files
  kOptional,  // public; a token, when sent, must be valid and carry the scope
  kApp,       // any valid token, also one without a user
  kUser,      // a member's token
};

// Which counters a request uses up besides the general ones; see net/rate_limit.h.
enum class RateClass : uint8_t {
  kApi,        // 1500 / 5 min a user, 300 / 5 min a token, 300 / 5 min an anonymous address
  kPosting,    // + 300 / 3 h an account: posts, edits, boosts
  kDeleting,   // + 30 / 30 min a user: deletes, unboosts
  kFollowing,  // + 400 / 24 h an account
  kUpload,     // + 30 / 30 min a user
  kSignUp,     // + 5 / 30 min an address
  kNewApp,     // + 5 / 10 min an address
  kLogin,      // 25 / 5 min an address
  kFree,       // uncounted: health, static files
};

// How an answer may be cached when the handler does not say.
enum class Caching : uint8_t {
  kPrivate,  // private, no-store
  kPublic,   // anonymous: public, max-age=15 …; with a token: private, no-store
  kSlow,     // public, max-age=300 for everybody: instance and the like
  kForever,  // immutable files
};

using Handler = std::function<Reply(Request&)>;

// One row of the route table. A row says all that the router needs to know before the handler runs;
// a route without a row does not exist. In a path, `:name` matches one segment ("/users/:name"), or
// what is left of one behind a prefix ("/@:name"); "*rest" at the end matches the remainder, slashes
// and all. Literal segments win over prefixes, prefixes over `:name`, that over "*rest". HEAD is
// answered by the row for GET.
struct Route {
  Method method;
  std::string path;  // "/api/v1/statuses/:id", see above
  Auth auth;
  std::string scopes;  // any one of them suffices ("profile read:accounts"); empty for none
  RateClass rate = RateClass::kApi;
  Caching caching = Caching::kPrivate;
  Handler handler;
  size_t body_bytes_max = limits::kBodyBytesMax;
};

// The route table of the program, filled by every room at start-up. A row that lacks what its auth
// needs, repeats another, or names an unknown scope aborts the start with its path.
class RouteTable {
 public:
  void Add(Route route);
  // PUT and PATCH are interchangeable on update routes (behaviour rules, section 1).
  void AddUpdate(Route route);
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::set<std::string> shapes_;  // to refuse a repeated row
};

}  // namespace stampede::net
