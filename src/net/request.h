#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "net/params.h"
#include "net/scopes.h"

namespace stampede::net {

enum class Method : uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// "GET" …; "OTHER" for what this server does not know.
std::string_view MethodName(Method method);

// Who makes a request: nobody, an application, or a member through an application.
struct Caller {
  AccountId account;  // none for anonymous and for app-only tokens
  AppId app;
  TokenId token;
  ScopeSet scopes;

  bool anonymous() const { return !token; }
  bool is_user() const { return static_cast<bool>(account); }
};

// One HTTP request as handlers see it. Lives on one worker thread for the length of the handler.
struct Request {
  Method method = Method::kGet;
  std::string path;   // percent-decoded, without query, without trailing slash (but "/")
  std::string query;  // raw
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;            // raw; moved into params for multipart uploads
  std::string client_address;  // behind configured proxies: what X-Forwarded-For says
  std::string request_id;
  int64_t deadline_us = 0;  // on Clock::MonotonicUs

  // Filled by the router.
  Params params;
  std::vector<std::string> args;  // what `:name` parts of the route's path matched, in order
  Caller caller;

  // The first header of that (lower-case) name, or empty.
  std::string_view Header(std::string_view name) const;
  std::optional<std::string> Cookie(std::string_view name) const;

  // The id in the n-th path argument. Throws Error(kNotFound) when it is no number: Mastodon answers
  // 404 for whatever is not an id.
  template <class Id>
  Id ArgId(size_t n) const {
    auto id = Id::Parse(args.at(n));
    if (!id || !*id) ThrowNotFound();
    return *id;
  }
  // The ids in a list parameter (`id[]=1&id[]=2` or `id=1`); what is no id is left out.
  template <class Id>
  std::vector<Id> ParamIds(std::string_view name) const {
    std::vector<Id> ids;
    for (std::string_view text : params[name].Texts()) {
      if (auto id = Id::Parse(text); id && *id) ids.push_back(*id);
    }
    return ids;
  }

 private:
  [[noreturn]] static void ThrowNotFound();
};

}  // namespace stampede::net
