#include "net/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace stampede::net {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Caching kPrivate = Caching::kPrivate;

// Tokens as the oauth room would know them.
class Tokens final : public Authenticator {
 public:
  Caller Authenticate(std::string_view token) override {
    if (token == "disabled") throw Error(ErrorCode::kForbidden, "Your login is disabled");
    if (auto found = callers_.find(token); found != callers_.end()) return found->second;
    throw Error(ErrorCode::kUnauthorized, "The access token is invalid");
  }
  void Add(std::string_view token, uint64_t account, std::string_view scopes) {
    callers_[std::string(token)] = {.account = AccountId(account),
                                    .app = AppId(1),
                                    .token = TokenId(++last_),
                                    .scopes = ScopeSet::Parse(scopes).value()};
  }

 private:
  std::map<std::string, Caller, std::less<>> callers_;
  uint64_t last_ = 0;
};

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    tokens_.Add("alice", 1, "read write:statuses");
    tokens_.Add("alice2", 1, "read");
    tokens_.Add("app", 0, "read");
    auto echo = [](Request& request) {
      std::string text = request.args.empty() ? "none" : "";
      for (const std::string& arg : request.args) text += "[" + arg + "]";
      return Reply::Json(text);
    };
    Add(Method::kGet, "/api/v1/home", Auth::kUser, "read:statuses", echo);
    Add(Method::kGet, "/api/v1/public", Auth::kOptional, "read:statuses", echo, Caching::kPublic);
    Add(Method::kGet, "/api/v1/instance", Auth::kNone, "", echo, Caching::kSlow);
    Add(Method::kGet, "/api/v1/app", Auth::kApp, "", echo);
    Add(Method::kGet, "/api/v1/statuses/:id", Auth::kNone, "", echo);
    Add(Method::kDelete, "/api/v1/statuses/:id", Auth::kUser, "write:statuses", echo, kPrivate,
        RateClass::kDeleting);
    Add(Method::kPost, "/api/v1/statuses", Auth::kUser, "write:statuses", echo, kPrivate,
        RateClass::kPosting);
    Add(Method::kGet, "/api/v1/statuses/:id/context", Auth::kNone, "", echo);
    Add(Method::kGet, "/api/v1/lists/special", Auth::kNone, "",
        [](Request&) { return Reply::Json("special"); });
    Add(Method::kGet, "/api/v1/lists/:id", Auth::kNone, "", echo);
    Add(Method::kPut, "/api/v1/lists/:id", Auth::kNone, "", echo);
    Add(Method::kGet, "/@:name", Auth::kNone, "", echo);
    Add(Method::kGet, "/@:name/:id", Auth::kNone, "", echo);
    Add(Method::kGet, "/media/*path", Auth::kNone, "", echo, Caching::kForever, RateClass::kFree);
    Add(Method::kPost, "/auth/sign_in", Auth::kNone, "", echo, kPrivate, RateClass::kLogin);
    Add(Method::kPost, "/api/v1/params", Auth::kNone, "", [](Request& request) {
      return Reply::Json(std::string(request.params["a"].Text().value_or("-")));
    });
    Add(Method::kGet, "/api/v1/bug", Auth::kNone, "",
        [](Request&) -> Reply { throw std::runtime_error("secret"); });
    Add(Method::kGet, "/page", Auth::kNone, "", [](Request&) { return Reply::Html("<p>"); });
  }

  void Add(Method method, std::string path, Auth auth, std::string scopes, Handler handler,
           Caching caching = kPrivate, RateClass rate = RateClass::kApi) {
    table_.Add({.method = method,
                .path = std::move(path),
                .auth = auth,
                .scopes = std::move(scopes),
                .rate = rate,
                .caching = caching,
                .handler = std::move(handler)});
  }

  // The router is built with the first request, so that a test may change the options.
  Reply Ask(Method method, std::string path, std::string_view token = "",
            std::vector<std::pair<std::string, std::string>> headers = {}, std::string body = "") {
    if (!router_) {
      router_ = std::make_unique<Router>(table_, tokens_, limiter_, clock_, metrics_, options_);
    }
    Request request;
    request.method = method;
    size_t question = std::min(path.find('?'), path.size());
    if (question < path.size()) request.query = path.substr(question + 1);
    request.path = path.substr(0, question);
    request.headers = std::move(headers);
    if (!token.empty()) {
      request.headers.emplace_back("authorization", "Bearer " + std::string(token));
    }
    request.body = std::move(body);
    request.client_address = address_;
    request.request_id = "req-1";
    request.deadline_us = clock_.MonotonicUs() + 1000;
    return router_->Handle(request);
  }
  Reply Get(std::string path, std::string_view token = "",
            std::vector<std::pair<std::string, std::string>> headers = {}) {
    return Ask(Method::kGet, std::move(path), token, std::move(headers));
  }

  static std::string HeaderOf(const Reply& reply, std::string_view name) {
    std::string all;
    for (const auto& [key, value] : reply.headers) {
      if (key == name) all += (all.empty() ? "" : ", ") + value;
    }
    return all;
  }

  RouteTable table_;
  Tokens tokens_;
  ManualClock clock_{1'700'000'100'000};
  RateLimiter limiter_{clock_, 10'000};
  obs::Metrics metrics_;
  RouterOptions options_;
  std::string address_ = "198.51.100.7";
  std::unique_ptr<Router> router_;
};

TEST_F(RouterTest, LiteralSegmentsWinAndArgumentsAreFilled) {
  EXPECT_EQ(Get("/api/v1/lists/special").body, "special");
  EXPECT_EQ(Get("/api/v1/lists/7").body, "[7]");
  EXPECT_EQ(Ask(Method::kPut, "/api/v1/lists/special").body, "[special]");
  EXPECT_EQ(Get("/api/v1/statuses/7/context").body, "[7]");
  EXPECT_EQ(Get("/@alice").body, "[alice]");
  EXPECT_EQ(Get("/@alice/9").body, "[alice][9]");
  EXPECT_EQ(Get("/media/a/b.png").body, "[a/b.png]");
  EXPECT_EQ(Ask(Method::kHead, "/api/v1/lists/7").status, 200);
}

TEST_F(RouterTest, UnknownPathsAreNotFound) {
  for (std::string path :
       {"/api/v1/nothing", "/api/v1/statuses/7/nothing", "/api/v1/statuses//context"}) {
    Reply reply = Get(path);
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_EQ(reply.body, R"({"error":"Record not found"})");
  }
  for (std::string path : {"/nothing", "/@", "/media", "/media/"}) {
    Reply reply = Get(path, "", {{"accept", "text/html,*/*"}});
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_THAT(reply.content_type, HasSubstr("text/html"));
  }
  EXPECT_EQ(Get("/users/x", "", {{"accept", "application/activity+json"}}).body,
            R"({"error":"Record not found"})");
}

TEST_F(RouterTest, ErrorPagesMayBeDrawnByTheProgram) {
  options_.error_page = [](const Request&, const Error& error) {
    return Reply::Html("ours: " + error.public_text(), HttpStatus(error.code()));
  };
  EXPECT_EQ(Get("/nothing", "", {{"accept", "text/html"}}).body, "ours: Record not found");
}

TEST_F(RouterTest, AKnownPathWithAnotherMethodSaysWhichAreAllowed) {
  Reply reply = Ask(Method::kPost, "/api/v1/statuses/7");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(HeaderOf(reply, "Allow"), "GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(Ask(Method::kOther, "/api/v1/home").status, 405);
}

TEST_F(RouterTest, TokensComeByHeaderOrParameter) {
  EXPECT_EQ(Get("/api/v1/home", "alice").status, 200);
  EXPECT_EQ(Get("/api/v1/home", "", {{"authorization", "bearer  alice"}}).status, 200);
  EXPECT_EQ(Get("/api/v1/home?access_token=alice").status, 200);
  EXPECT_EQ(Get("/api/v1/home?bearer_token=alice").status, 200);
  EXPECT_EQ(Get("/api/v1/home", "", {{"authorization", "Basic YTpi"}}).status, 401);
}

TEST_F(RouterTest, AMissingOrInvalidTokenIsUnauthorized) {
  for (std::string_view token : {"", "wrong"}) {
    Reply reply = Get("/api/v1/home", token);
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.body, R"({"error":"The access token is invalid"})");
    EXPECT_EQ(HeaderOf(reply, "WWW-Authenticate"),
              "Bearer realm=\"Doorkeeper\", error=\"invalid_token\", "
              "error_description=\"The access token is invalid\"");
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "*");
  }
  EXPECT_EQ(Get("/api/v1/app").status, 401);
  EXPECT_EQ(Get("/api/v1/public").status, 200);
  EXPECT_EQ(Get("/api/v1/public", "wrong").status, 401);
  EXPECT_EQ(Get("/api/v1/instance", "wrong").status, 200);
  EXPECT_EQ(Get("/api/v1/home", "disabled").status, 403);
}

TEST_F(RouterTest, ATokenNeedsTheScopeAndAUser) {
  Reply reply = Ask(Method::kPost, "/api/v1/statuses", "alice2");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.body, R"({"error":"This action is outside the authorized scopes"})");
  EXPECT_EQ(Ask(Method::kPost, "/api/v1/statuses", "alice").status, 200);
  EXPECT_EQ(Ask(Method::kPost, "/api/v1/statuses", "app").status, 403);
  reply = Get("/api/v1/home", "app");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.body, R"({"error":"This method requires an authenticated user"})");
  EXPECT_EQ(Get("/api/v1/app", "app").status, 200);
  EXPECT_EQ(Get("/api/v1/public", "app").status, 200);
  tokens_.Add("push", 1, "push");
  EXPECT_EQ(Get("/api/v1/public", "push").status, 403);
}

TEST_F(RouterTest, TheBodyWinsOverTheQuery) {
  auto post = [&](std::string path, std::string type, std::string body) {
    return Ask(Method::kPost, path, "", {{"content-type", type}}, body).body;
  };
  EXPECT_EQ(post("/api/v1/params?a=q", "application/json", R"({"a":"b"})"), "b");
  EXPECT_EQ(post("/api/v1/params?a=q", "application/json", ""), "q");
  EXPECT_EQ(post("/api/v1/params?a=q", "", "x=1"), "q");
  Reply reply =
      Ask(Method::kPost, "/api/v1/params", "", {{"content-type", "application/json"}}, "{");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("{\"error\":\""));
}

TEST_F(RouterTest, PreflightsAreAnsweredForScripts) {
  Reply reply = Ask(Method::kOptions, "/api/v1/whatever", "",
                    {{"access-control-request-headers", "authorization,x-custom"}});
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Headers"), "authorization,x-custom");
  EXPECT_THAT(HeaderOf(reply, "Access-Control-Allow-Methods"), HasSubstr("PATCH"));
  reply = Ask(Method::kOptions, "/oauth/token", "", {{"access-control-request-headers", "a\"<b"}});
  EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Headers"),
            "Authorization, Content-Type, Idempotency-Key");
  EXPECT_EQ(HeaderOf(Ask(Method::kOptions, "/page"), "Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(Ask(Method::kOptions, "/nothing").status, 404);
}

TEST_F(RouterTest, EveryAnswerOfTheApiIsReadableFromOtherOrigins) {
  for (std::string path : {"/api/v1/instance", "/api/v1/nothing", "/api/v1/bug", "/api/v1/home"}) {
    Reply reply = Get(path);
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "*") << path;
    EXPECT_THAT(HeaderOf(reply, "Access-Control-Expose-Headers"), HasSubstr("Link")) << path;
    EXPECT_EQ(HeaderOf(reply, "X-Request-Id"), "req-1") << path;
    EXPECT_THAT(HeaderOf(reply, "Content-Security-Policy"), HasSubstr("default-src 'none'"))
        << path;
  }
  EXPECT_EQ(HeaderOf(Get("/page"), "Access-Control-Allow-Origin"), "");
}

TEST_F(RouterTest, BugsAreAnsweredWithoutTheirCause) {
  Reply reply = Get("/api/v1/bug");
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, Not(HasSubstr("secret")));
}

TEST_F(RouterTest, CachingFollowsTheRowTheTokenAndTheOutcome) {
  EXPECT_THAT(HeaderOf(Get("/api/v1/public"), "Cache-Control"), HasSubstr("public, max-age=15"));
  EXPECT_EQ(HeaderOf(Get("/api/v1/public"), "Vary"), "Authorization");
  EXPECT_EQ(HeaderOf(Get("/api/v1/public", "alice"), "Cache-Control"), "private, no-store");
  EXPECT_EQ(HeaderOf(Get("/api/v1/home", "alice"), "Cache-Control"), "private, no-store");
  EXPECT_EQ(HeaderOf(Get("/api/v1/instance", "alice"), "Cache-Control"), "public, max-age=300");
  EXPECT_EQ(HeaderOf(Get("/api/v1/instance"), "Vary"), "");
  EXPECT_THAT(HeaderOf(Get("/media/a"), "Cache-Control"), HasSubstr("immutable"));
  EXPECT_EQ(HeaderOf(Get("/api/v1/nothing"), "Cache-Control"), "private, no-store");
}

TEST_F(RouterTest, RateLimitsReportTheOneNearestToExhaustion) {
  Reply reply = Get("/api/v1/instance");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Limit"), "300");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Remaining"), "299");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Reset"), "2023-11-14T22:20:00.000000Z");
  reply = Ask(Method::kDelete, "/api/v1/statuses/1", "alice");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Limit"), "30");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Remaining"), "29");
  EXPECT_EQ(HeaderOf(Get("/media/a"), "X-RateLimit-Limit"), "");
}

TEST_F(RouterTest, AnExhaustedLimitIsRefusedUntilItsWindowEnds) {
  for (int i = 0; i < 25; ++i) EXPECT_EQ(Ask(Method::kPost, "/auth/sign_in").status, 200);
  Reply reply = Ask(Method::kPost, "/auth/sign_in", "", {{"accept", "application/json"}});
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, R"({"error":"Too many requests"})");
  EXPECT_EQ(HeaderOf(reply, "X-RateLimit-Remaining"), "0");
  address_ = "198.51.100.8";
  EXPECT_EQ(Ask(Method::kPost, "/auth/sign_in").status, 200);
  address_ = "198.51.100.7";
  clock_.AdvanceMs(300'000);
  EXPECT_EQ(Ask(Method::kPost, "/auth/sign_in").status, 200);
}

TEST_F(RouterTest, TokensOfOneUserShareTheUsersLimits) {
  for (int i = 0; i < 150; ++i) {
    Get("/api/v1/home?max_id=5", "alice");
    Get("/api/v1/home?min_id=5", "alice2");
  }
  EXPECT_EQ(Get("/api/v1/home?max_id=5", "alice").status, 429) << "paging: 300 in 15 minutes";
  EXPECT_EQ(Get("/api/v1/home", "alice").status, 200);
  for (int i = 0; i < 300; ++i) Get("/api/v1/home", "alice2");
  EXPECT_EQ(Get("/api/v1/home", "alice2").status, 429) << "the token's own 300";
  EXPECT_EQ(Get("/api/v1/home", "alice").status, 200);
}

TEST_F(RouterTest, GuessingTokensIsLimitedByAddress) {
  for (int i = 0; i < 300; ++i) EXPECT_EQ(Get("/api/v1/home", "guess").status, 401);
  EXPECT_EQ(Get("/api/v1/home", "guess").status, 429);
  EXPECT_EQ(Get("/api/v1/home", "alice").status, 200);
}

TEST_F(RouterTest, LimitsCanBeScaledOrSwitchedOff) {
  options_.rate_limit_scale = 0;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Ask(Method::kPost, "/auth/sign_in").status, 200);
  EXPECT_EQ(HeaderOf(Get("/api/v1/instance"), "X-RateLimit-Limit"), "");
  router_.reset();
  options_.rate_limit_scale = 2;
  EXPECT_EQ(HeaderOf(Get("/api/v1/instance"), "X-RateLimit-Limit"), "600");
}

TEST_F(RouterTest, ARequestThatWaitedTooLongIsNotStarted) {
  Get("/api/v1/instance");
  Request request;
  request.path = "/api/v1/instance";
  request.deadline_us = clock_.MonotonicUs() - 1;
  Reply reply = router_->Handle(request);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(HeaderOf(reply, "Retry-After"), "1");
}

TEST_F(RouterTest, PagesOfASecureServerAskForHttps) {
  options_.secure = true;
  EXPECT_THAT(HeaderOf(Get("/page"), "Strict-Transport-Security"), HasSubstr("max-age"));
  EXPECT_EQ(HeaderOf(Get("/api/v1/instance"), "Strict-Transport-Security"), "");
}

TEST_F(RouterTest, AnswersAreCountedByRowAndStatus) {
  Get("/api/v1/statuses/1");
  Get("/api/v1/statuses/2");
  Get("/nothing");
  std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("stampede_http_requests_total{route=\"GET /api/v1/statuses/:id\","
                              "status=\"2xx\"} 2"));
  EXPECT_THAT(text, HasSubstr("stampede_http_requests_total{route=\"none\",status=\"4xx\"} 1"));
}

TEST_F(RouterTest, BodyLimitsAreThoseOfTheRow) {
  table_.Add({.method = Method::kPost,
              .path = "/api/v1/media",
              .auth = Auth::kNone,
              .handler = [](Request&) { return Reply::Empty(); },
              .body_bytes_max = 7});
  Get("/api/v1/instance");
  EXPECT_EQ(router_->BodyBytesMax(Method::kPost, "/api/v1/media"), 7u);
  EXPECT_EQ(router_->BodyBytesMax(Method::kPost, "/nothing"), limits::kBodyBytesMax);
}

TEST(RouteTableDeathTest, IncompleteRowsAbortTheStart) {
  auto handler = [](Request&) { return Reply::Empty(); };
  auto add = [&](Route route) {
    RouteTable table;
    table.Add({.method = Method::kGet, .path = "/a/:id", .auth = Auth::kNone, .handler = handler});
    table.Add(std::move(route));
  };
  auto row = [&](std::string path, Auth auth = Auth::kNone, std::string scopes = "") {
    return Route{.method = Method::kGet,
                 .path = std::move(path),
                 .auth = auth,
                 .scopes = std::move(scopes),
                 .handler = handler};
  };
  EXPECT_DEATH(add(row("b")), "route b");
  EXPECT_DEATH(add(row("/b/")), "route /b/");
  EXPECT_DEATH(add(row("/b/*c/d")), "only possible at the end");
  EXPECT_DEATH(add(row("/a/:other")), "a row of that method and shape exists");
  EXPECT_DEATH(add(row("/b", Auth::kUser, "reed")), "unknown scope");
  EXPECT_DEATH(add(row("/b", Auth::kNone, "read")), "nobody would check");
  EXPECT_DEATH(add({.method = Method::kGet, .path = "/b", .auth = Auth::kNone}), "no handler");
  add(row("/b", Auth::kUser, "read"));
}

TEST(ReplyFor, ShapesErrorsAsClientsExpect) {
  EXPECT_EQ(ReplyFor(Error(ErrorCode::kBadRequest, "a \"b\"")).body, R"({"error":"a \"b\""})");
  Error oauth(ErrorCode::kUnauthorized, "Unknown client");
  Reply reply = ReplyFor(oauth.WithOAuth("invalid_client"));
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body, R"({"error":"invalid_client","error_description":"Unknown client"})");
  Error fields = Error::Invalid("Username has already been taken");
  fields.WithField({"username", "ERR_TAKEN", "has already been taken"});
  fields.WithField({"email", "ERR_BLANK", "can't be blank"});
  fields.WithField({"username", "ERR_INVALID", "is invalid"});
  EXPECT_EQ(ReplyFor(fields).status, 422);
  EXPECT_THAT(
      ReplyFor(fields).body,
      HasSubstr(
          R"("details":{"username":[{"error":"ERR_TAKEN","description":"has already been taken"},)"
          R"({"error":"ERR_INVALID","description":"is invalid"}],"email":[{"error":"ERR_BLANK")"));
}

}  // namespace
}  // namespace stampede::net
