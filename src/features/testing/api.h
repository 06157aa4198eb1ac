#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "features/testing/cast.h"
#include "net/rate_limit.h"
#include "net/router.h"
#include "obs/metrics.h"

namespace stampede::testing {

// Calls routes as a client would, through the real router but without sockets: rows are added to
// `table` before the first call. Whoever calls is named by account and scopes; an app without a
// user has no account.
class Api final : public net::Authenticator {
 public:
  explicit Api(Cast& cast) : cast_(cast), limiter_(cast.clock, 1000) {}

  struct Answer {
    int status = 0;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<boost::json::value> json;

    // Kept with the answer, so that what is looked up in it lives as long.
    const boost::json::value& Json() & {
      if (!json) json = codec::ParseJson(body, {.leaves_max = 100'000});
      return *json;
    }
    boost::json::value Json() && { return Json(); }
    std::string Header(std::string_view name) const {
      for (auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return {};
    }
    // Path and query of the Link header's `rel`, or empty.
    std::string Link(std::string_view rel) const {
      std::string links = Header("Link");
      size_t end = links.find(">; rel=\"" + std::string(rel) + "\"");
      if (end == std::string::npos) return {};
      size_t begin = links.rfind('<', end) + 1;
      size_t path = links.find('/', links.find("://", begin) + 3);
      return links.substr(path, end - path);
    }
  };

  // `target`: path and query; `form`: an urlencoded body.
  Answer Get(AccountId caller, std::string_view target, std::string scopes = "read write") {
    return Call(net::Method::kGet, Token(caller, scopes), target, "");
  }
  Answer Post(AccountId caller, std::string_view target, std::string form = "",
              std::string scopes = "read write") {
    return Call(net::Method::kPost, Token(caller, scopes), target, std::move(form));
  }
  Answer GetAnonymously(std::string_view target) { return Call(net::Method::kGet, "", target, ""); }

  net::RouteTable table;

 private:
  static std::string Token(AccountId account, std::string_view scopes) {
    return account.ToString() + " " + std::string(scopes);
  }

  net::Caller Authenticate(std::string_view token) override {
    size_t space = token.find(' ');
    auto account = AccountId::Parse(token.substr(0, space));
    auto scopes = net::ScopeSet::Parse(token.substr(space + 1));
    if (!account || !scopes) throw Error(ErrorCode::kUnauthorized, "The access token is invalid");
    net::Caller caller;
    caller.account = *account;
    caller.app = AppId(1);
    caller.token = TokenId(1);
    caller.scopes = *scopes;
    return caller;
  }

  Answer Call(net::Method method, const std::string& token, std::string_view target,
              std::string form) {
    if (!router_) {
      router_ = std::make_unique<net::Router>(std::move(table), *this, limiter_, cast_.clock,
                                              metrics_, net::RouterOptions{.rate_limit_scale = 0});
    }
    net::Request request;
    request.method = method;
    size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    if (question < target.size()) request.query = target.substr(question + 1);
    if (!token.empty()) request.headers.emplace_back("authorization", "Bearer " + token);
    if (!form.empty()) {
      request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
      request.body = std::move(form);
    }
    request.client_address = "192.0.2.1";
    request.deadline_us = INT64_MAX;
    net::Reply reply = router_->Handle(request);
    Answer answer{.status = reply.status, .headers = std::move(reply.headers)};
    answer.body = reply.shared_body ? *reply.shared_body : std::move(reply.body);
    return answer;
  }

  Cast& cast_;
  obs::Metrics metrics_;
  net::RateLimiter limiter_;
  std::unique_ptr<net::Router> router_;
};

}  // namespace stampede::testing
