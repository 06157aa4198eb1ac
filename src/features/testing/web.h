#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json.h"
#include "codec/url.h"
#include "features/accounts/routes.h"
#include "features/instance/routes.h"
#include "features/media/routes.h"
#include "features/oauth/authenticator.h"
#include "features/oauth/routes.h"
#include "features/testing/cast.h"
#include "net/rate_limit.h"
#include "net/router.h"
#include "obs/metrics.h"

namespace stampede::testing {

// The rooms that people sign up and sign in with, behind the real router and with real tokens, but
// without sockets. Where api.h names the caller, here a test is a client or a browser.
class Web {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  struct Answer {
    int status = 0;
    std::string type;
    std::string body;
    Pairs headers;

    boost::json::value Json() const { return codec::ParseJson(body, {.leaves_max = 100'000}); }
    std::string Header(std::string_view name) const {
      for (const auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return {};
    }
  };

  explicit Web(Cast& cast)
      : oauth(cast.committer, cast.random),
        instance(cast.committer, cast.random),
        relationships(cast.committer),
        directory_(std::filesystem::temp_directory_path() /
                   ("stampede_web_" + std::to_string(getpid()) + "_" + cast.random.Token(6))),
        blobs(media::MakeLocalBlobStore(directory_, cast.random)),
        pictures({}, system_clock_),
        limiter_(cast.clock, 1000),
        authenticator_(oauth, cast.accounts) {
    net::RouteTable table;
    instance::AddRoutes(table, instance, cast.accounts, cast.site);
    oauth::AddRoutes(table, {oauth, cast.accounts, instance, cast.random, cast.site, &limiter_});
    media::AddRoutes(table, *blobs);
    accounts::AddRoutes(table, {cast.accounts, oauth, relationships, pictures, *blobs, cast.site});
    router_ = std::make_unique<net::Router>(std::move(table), authenticator_, limiter_, cast.clock,
                                            metrics_, net::RouterOptions{.rate_limit_scale = 0});
  }
  ~Web() { std::filesystem::remove_all(directory_); }

  Answer Call(net::Method method, std::string_view target, Pairs headers = {},
              std::string body = {}) {
    net::Request request;
    request.method = method;
    size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    if (question < target.size()) request.query = target.substr(question + 1);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.client_address = "192.0.2.1";
    request.deadline_us = INT64_MAX;
    net::Reply reply = router_->Handle(request);
    Answer answer{reply.status, reply.content_type, std::move(reply.body),
                  std::move(reply.headers)};
    if (reply.shared_body) answer.body = *reply.shared_body;
    return answer;
  }
  Answer Get(std::string_view target, std::string_view token = {}) {
    return Call(net::Method::kGet, target, Bearer(token));
  }
  Answer Post(std::string_view target, const Pairs& form, std::string_view token = {}) {
    Pairs headers = Bearer(token);
    headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    return Call(net::Method::kPost, target, std::move(headers), Encode(form));
  }
  static std::string Encode(const Pairs& form) {
    std::string text;
    for (const auto& [name, value] : form) codec::AppendQueryPair(text, name, value);
    return text;
  }
  static Pairs Bearer(std::string_view token) {
    if (token.empty()) return {};
    return {{"authorization", "Bearer " + std::string(token)}};
  }

  // A token as if `account` (none: the app itself) had consented to `scopes`.
  std::string Token(AccountId account, std::string scopes = "read write follow profile") {
    oauth::CreatedApp app = oauth.CreateApp(
        {.name = "test", .redirect_uris = {"https://app.example/"}, .scopes = scopes});
    return oauth.IssueToken(app.app, account, *net::ScopeSet::Parse(scopes)).token;
  }

  // Public because tests look everywhere.
  oauth::OAuthService oauth;
  instance::InstanceService instance;
  relationships::RelationshipsService relationships;

 private:
  SystemClock system_clock_;  // a child process takes real time
  std::filesystem::path directory_;

 public:
  std::unique_ptr<media::BlobStore> blobs;
  media::PictureMaker pictures;

 private:
  obs::Metrics metrics_;
  net::RateLimiter limiter_;
  oauth::TokenAuthenticator authenticator_;
  std::unique_ptr<net::Router> router_;
};

// A browser: keeps the cookie, fills in forms.
class Browser {
 public:
  explicit Browser(Web& web) : web_(web) {}

  Web::Answer Get(std::string_view target) {
    return Keep(web_.Call(net::Method::kGet, target, Headers()));
  }
  // Sends the form on the latest page with `fields` in place of what people enter.
  Web::Answer Submit(const Web::Pairs& fields) {
    std::string action = Attribute("<form method=\"post\"", "action");
    Web::Pairs form = fields;
    for (size_t at = page_.find("type=\"hidden\""); at != std::string::npos;
         at = page_.find("type=\"hidden\"", at + 1)) {
      form.emplace_back(Between("name=\"", at), Between("value=\"", at));
    }
    Web::Pairs headers = Headers();
    headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    return Keep(web_.Call(net::Method::kPost, action, std::move(headers), Web::Encode(form)));
  }
  // The latest page, as if it had been cut out of another browser's cookie.
  void ForgetCookie() { cookie_.clear(); }
  const std::string& cookie() const { return cookie_; }

 private:
  Web::Pairs Headers() const {
    Web::Pairs headers = {{"accept", "text/html"}};
    if (!cookie_.empty()) headers.emplace_back("cookie", cookie_);
    return headers;
  }
  Web::Answer Keep(Web::Answer answer) {
    if (std::string set = answer.Header("Set-Cookie"); !set.empty()) {
      cookie_ = set.substr(0, set.find(';'));
    }
    if (answer.status != 302 && answer.status != 303) page_ = answer.body;
    return answer;
  }
  std::string Between(std::string_view start, size_t from) const {
    size_t begin = page_.find(start, from);
    if (begin == std::string::npos) return {};
    begin += start.size();
    std::string text = page_.substr(begin, page_.find('"', begin) - begin);
    for (size_t at; (at = text.find("&amp;")) != std::string::npos;) text.replace(at, 5, "&");
    return text;
  }
  std::string Attribute(std::string_view element, std::string_view name) const {
    return Between(std::string(name) + "=\"", page_.find(element));
  }

  Web& web_;
  std::string cookie_;
  std::string page_;
};

}  // namespace stampede::testing
