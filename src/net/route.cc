#include "net/route.h"

#include "base/check.h"
#include "net/scopes.h"

namespace stampede::net {
namespace {

[[noreturn]] void Refuse(const Route& route, const char* why) {
  CheckFailed((std::string("route ") + route.path + ": " + why).c_str(), __FILE__, __LINE__);
}

// The path with the names of its arguments left out: two rows of one shape would hide each other.
std::string Shape(const Route& route) {
  std::string shape = std::to_string(static_cast<int>(route.method));
  for (size_t at = 0; at < route.path.size();) {
    size_t slash = std::min(route.path.find('/', at + 1), route.path.size());
    std::string_view segment = std::string_view(route.path).substr(at, slash - at);
    size_t argument = segment.find_first_of(":*");
    shape += argument == segment.npos ? segment : segment.substr(0, argument + 1);
    at = slash;
  }
  return shape;
}

}  // namespace

void RouteTable::Add(Route route) {
  if (!route.path.starts_with('/')) Refuse(route, "the path does not start with '/'");
  if (route.path.size() > 1 && route.path.ends_with('/')) Refuse(route, "it ends with '/'");
  size_t rest = route.path.find("/*");
  if (rest != route.path.npos && route.path.find('/', rest + 1) != route.path.npos) {
    Refuse(route, "'*' is only possible at the end");
  }
  if (!route.handler) Refuse(route, "no handler");
  if (route.method == Method::kOther || route.method == Method::kOptions) {
    Refuse(route, "the router answers OPTIONS and unknown methods itself");
  }
  if (!ScopeSet::Parse(route.scopes)) Refuse(route, "unknown scope");
  if (route.auth == Auth::kNone && !route.scopes.empty()) {
    Refuse(route, "scopes that nobody would check");
  }
  if (!shapes_.insert(Shape(route)).second) Refuse(route, "a row of that method and shape exists");
  routes_.push_back(std::move(route));
}

void RouteTable::AddUpdate(Route route) {
  route.method = Method::kPut;
  Add(route);
  route.method = Method::kPatch;
  Add(std::move(route));
}

}  // namespace stampede::net
