#include "features/oauth/routes.h"

#include <gtest/gtest.h>

#include "codec/base64.h"
#include "features/oauth/policy.h"
#include "features/testing/web.h"

namespace stampede::oauth {
namespace {

using stampede::testing::Browser;
using stampede::testing::Web;

constexpr std::string_view kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const std::string kRedirect = "https://app.example/cb?x=1";

class OAuthRoutesTest : public ::testing::Test, public stampede::testing::Cast {
 protected:
  struct App {
    std::string id, secret;
  };
  App Register(std::string redirect = kRedirect, std::string scopes = "read write follow") {
    auto json =
        web.Post("/api/v1/apps",
                 {{"client_name", "Some <App>"}, {"scopes", scopes}, {"redirect_uris", redirect}})
            .Json();
    return {Text(json, "client_id"), Text(json, "client_secret")};
  }
  static std::string Text(const boost::json::value& json, std::string_view key) {
    return std::string(json.at(key).as_string());
  }
  static std::string AuthorizeUrl(const App& app, Web::Pairs more = {}) {
    Web::Pairs query = {{"response_type", "code"},
                        {"client_id", app.id},
                        {"redirect_uri", kRedirect},
                        {"scope", "read write"},
                        {"state", "s t&"}};
    for (auto& pair : more) {
      std::erase_if(query, [&](auto& old) { return old.first == pair.first; });
      query.push_back(pair);
    }
    return "/oauth/authorize?" + Web::Encode(query);
  }
  static Web::Pairs AliceSignsIn() { return {{"login", "alice"}, {"password", "alice-password"}}; }
  // Signs in, consents, and returns where the browser is sent.
  std::string Consent(const App& app, Web::Pairs more = {}) {
    browser.Get(AuthorizeUrl(app, std::move(more)));
    std::string back = browser.Submit(AliceSignsIn()).Header("Location");
    browser.Get(back);
    return browser.Submit({{"decision", "approve"}}).Header("Location");
  }
  static std::string CodeIn(const std::string& url) {
    size_t begin = url.find("code=") + 5;
    return url.substr(begin, url.find('&', begin) - begin);
  }
  Web::Answer Exchange(const App& app, const std::string& code, Web::Pairs more = {}) {
    Web::Pairs form = {{"grant_type", "authorization_code"},
                       {"client_id", app.id},
                       {"client_secret", app.secret},
                       {"code", code},
                       {"redirect_uri", kRedirect}};
    form.insert(form.end(), more.begin(), more.end());
    return web.Post("/oauth/token", form);
  }

  Web web{*this};
  Browser browser{web};
};

TEST_F(OAuthRoutesTest, AnAppIsRegisteredWithSeveralRedirectsAndAListOfScopesCountsAsNone) {
  auto json = web.Call(net::Method::kPost, "/api/v1/apps", {{"content-type", "application/json"}},
                       R"({"client_name":"x","redirect_uris":["https://a.example/","my.app://cb"],
                           "scopes":["write"],"website":""})")
                  .Json();
  EXPECT_EQ(Text(json, "redirect_uri"), "https://a.example/\nmy.app://cb");
  EXPECT_EQ(json.at("scopes").as_array().size(), 1u);
  EXPECT_EQ(json.at_pointer("/scopes/0").as_string(), "read");
  EXPECT_TRUE(json.at("website").is_null());
  EXPECT_EQ(json.at("client_secret_expires_at").as_int64(), 0);
  EXPECT_EQ(Text(json, "vapid_key").size(), 87u);  // 65 bytes as base64url
  auto lines = web.Post("/api/v1/apps", {{"client_name", "x"}, {"redirect_uris", "a:b\nc:d"}});
  EXPECT_EQ(lines.Json().at("redirect_uris").as_array().size(), 2u);
}

TEST_F(OAuthRoutesTest, AMemberSignsInConsentsAndTheAppGetsItsToken) {
  App app = Register();
  auto page = browser.Get(AuthorizeUrl(app));
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("Sign in"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_NE(page.Header("Set-Cookie").find("HttpOnly; SameSite=Lax; Secure"), std::string::npos);
  std::string csp = page.Header("Content-Security-Policy");
  EXPECT_NE(csp.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(csp.find("form-action"), std::string::npos);
  EXPECT_EQ(page.Header("Cross-Origin-Opener-Policy"), "");

  auto wrong = browser.Submit({{"login", "alice"}, {"password", "bob-password"}});
  EXPECT_EQ(wrong.status, 422);
  auto back = browser.Submit(AliceSignsIn());
  ASSERT_EQ(back.status, 303);
  auto consent = browser.Get(back.Header("Location"));
  EXPECT_NE(consent.body.find("Some &lt;App&gt;"), std::string::npos);
  EXPECT_NE(consent.body.find("@alice@social.example"), std::string::npos);
  EXPECT_NE(consent.body.find("Read everything in your account"), std::string::npos);
  std::string location = browser.Submit({{"decision", "approve"}}).Header("Location");
  ASSERT_TRUE(location.starts_with(kRedirect + "&code=")) << location;
  EXPECT_TRUE(location.ends_with("&state=s%20t%26")) << location;

  auto token = Exchange(app, CodeIn(location)).Json();
  EXPECT_EQ(Text(token, "token_type"), "Bearer");
  EXPECT_EQ(Text(token, "scope"), "read write");
  auto me = web.Get("/api/v1/accounts/verify_credentials", Text(token, "access_token"));
  EXPECT_EQ(Text(me.Json(), "username"), "alice");
}

TEST_F(OAuthRoutesTest, PkceIsAskedForAtTheTokenEndpoint) {
  App app = Register();
  Web::Pairs challenge = {{"code_challenge", std::string(kChallenge)},
                          {"code_challenge_method", "S256"}};
  std::string code = CodeIn(Consent(app, challenge));
  EXPECT_EQ(Text(Exchange(app, code).Json(), "error"), "invalid_grant");
  EXPECT_EQ(Exchange(app, code, {{"code_verifier", std::string(kVerifier)}}).status, 200);
  auto plain = browser.Get(AuthorizeUrl(app, {{"code_challenge", std::string(kChallenge)}}));
  EXPECT_NE(plain.Header("Location").find("error=invalid_request"), std::string::npos);
}

TEST_F(OAuthRoutesTest, DenyingTellsTheApp) {
  App app = Register();
  browser.Get(AuthorizeUrl(app));
  browser.Get(browser.Submit(AliceSignsIn()).Header("Location"));
  std::string location = browser.Submit({{"decision", "deny"}}).Header("Location");
  EXPECT_TRUE(location.starts_with(kRedirect + "&error=access_denied")) << location;
  EXPECT_TRUE(location.ends_with("&state=s%20t%26"));
}

TEST_F(OAuthRoutesTest, NobodyIsRedirectedToAnAddressThatIsNotRegistered) {
  App app = Register();
  for (std::string redirect :
       {"https://evil.example/", "https://app.example/cb?x=1/", "https://app.example/cb", ""}) {
    auto answer = browser.Get(AuthorizeUrl(app, {{"redirect_uri", redirect}}));
    EXPECT_EQ(answer.status, 400) << redirect;
    EXPECT_EQ(answer.Header("Location"), "");
  }
  EXPECT_EQ(browser.Get(AuthorizeUrl({.id = "unknown"})).status, 400);
}

TEST_F(OAuthRoutesTest, ARedirectWithEscapesIsComparedAfterOneDecode) {
  const std::string elk =
      "http://127.0.0.1:5314/api/social.test/oauth/http%3A%2F%2F127.0.0.1%3A5314";
  App app = Register(elk);
  std::string location = Consent(app, {{"redirect_uri", elk}});
  EXPECT_TRUE(location.starts_with(elk + "?code=")) << location;
}

TEST_F(OAuthRoutesTest, WithoutARedirectTheCodeIsShownToBeCopied) {
  App app = Register(std::string(kOutOfBand));
  std::string location = Consent(app, {{"redirect_uri", std::string(kOutOfBand)}});
  ASSERT_TRUE(location.starts_with("/oauth/authorize/native?code=")) << location;
  EXPECT_NE(browser.Get(location).body.find(CodeIn(location)), std::string::npos);
  EXPECT_EQ(browser.Get("/oauth/authorize/native?code=<script>").status, 404);
}

TEST_F(OAuthRoutesTest, ScopesBeyondTheAppsAreRefusedAtTheRedirect) {
  App app = Register(kRedirect, "read");
  auto answer = browser.Get(AuthorizeUrl(app, {{"scope", "read write"}}));
  EXPECT_NE(answer.Header("Location").find("error=invalid_scope"), std::string::npos);
  auto type = browser.Get(AuthorizeUrl(app, {{"scope", "read"}, {"response_type", "token"}}));
  EXPECT_NE(type.Header("Location").find("error=unsupported_response_type"), std::string::npos);
}

TEST_F(OAuthRoutesTest, AFormOfAnotherBrowserIsRefused) {
  App app = Register();
  browser.Get(AuthorizeUrl(app));
  browser.Get(browser.Submit(AliceSignsIn()).Header("Location"));
  std::string target = AuthorizeUrl(app);
  auto forged = web.Call(
      net::Method::kPost, target,
      {{"cookie", browser.cookie()}, {"content-type", "application/x-www-form-urlencoded"}},
      "decision=approve");
  EXPECT_EQ(forged.status, 403);
  EXPECT_EQ(forged.Header("Location"), "");
  browser.ForgetCookie();
  EXPECT_EQ(browser.Submit({{"decision", "approve"}}).status, 403);
}

TEST_F(OAuthRoutesTest, SigningInReplacesTheCookieAndReturnsOnlyToOurOwnPaths) {
  for (std::string evil : {"https://evil.example/", "//evil.example/", "/\\evil.example", "x"}) {
    browser.ForgetCookie();
    browser.Get("/auth/sign_in?" + Web::Encode({{"return_to", evil}}));
    std::string before = browser.cookie();
    EXPECT_EQ(browser.Submit(AliceSignsIn()).Header("Location"), "/") << evil;
    EXPECT_NE(browser.cookie(), before);
  }
}

TEST_F(OAuthRoutesTest, ForceLoginAsksAgain) {
  App app = Register();
  Consent(app);
  EXPECT_NE(browser.Get(AuthorizeUrl(app)).body.find("use your account?"), std::string::npos);
  auto again = browser.Get(AuthorizeUrl(app, {{"force_login", "true"}}));
  EXPECT_NE(again.body.find("name=\"password\""), std::string::npos);
  std::string back =
      browser.Submit({{"login", "bob"}, {"password", "bob-password"}}).Header("Location");
  EXPECT_NE(browser.Get(back).body.find("@bob@social.example"), std::string::npos);
}

TEST_F(OAuthRoutesTest, SigningOutForgetsTheBrowser) {
  browser.Get("/auth/sign_in");
  browser.Submit(AliceSignsIn());
  EXPECT_NE(browser.Get("/auth/sign_out").body.find("@alice"), std::string::npos);
  EXPECT_EQ(browser.Submit({}).status, 303);
  EXPECT_NE(browser.Get("/auth/sign_out").body.find("Nobody"), std::string::npos);
}

TEST_F(OAuthRoutesTest, AfterTooManyAttemptsAnAccountIsClosedForSignInsForAWhile) {
  browser.Get("/auth/sign_in");
  int refused = 0;
  for (int i = 0; i < 26; ++i) {
    int status =
        browser.Submit({{"login", i % 2 ? "Alice" : "alice "}, {"password", "wrong"}}).status;
    refused += status == 429;
  }
  EXPECT_EQ(refused, 1);
}

TEST_F(OAuthRoutesTest, PeopleSignUpOnThePage) {
  browser.Get("/auth/sign_up");
  EXPECT_EQ(browser.Submit({{"username", "alice"}}).status, 422);
  auto answer = browser.Submit({{"username", "dana"},
                                {"email", "dana@example.org"},
                                {"password", "dana-password"},
                                {"agreement", "true"}});
  EXPECT_EQ(answer.status, 303);
  EXPECT_NE(browser.Get("/auth/sign_out").body.find("@dana"), std::string::npos);

  site.registrations = Registrations::kApproval;
  browser.Get("/auth/sign_up");
  answer = browser.Submit({{"username", "erin"},
                           {"email", "erin@example.org"},
                           {"password", "erin-password"},
                           {"agreement", "true"},
                           {"reason", "hi"}});
  EXPECT_NE(answer.body.find("Almost there"), std::string::npos);
  browser.Get("/auth/sign_in");
  answer = browser.Submit({{"login", "erin"}, {"password", "erin-password"}});
  EXPECT_NE(answer.body.find("pending approval"), std::string::npos);

  site.registrations = Registrations::kClosed;
  EXPECT_EQ(browser.Get("/auth/sign_up").status, 403);
}

TEST_F(OAuthRoutesTest, TheTokenEndpointNamesWhatIsWrong) {
  App app = Register();
  auto error = [&](const Web::Pairs& form) {
    auto answer = web.Post("/oauth/token", form);
    EXPECT_TRUE(answer.Json().as_object().contains("error_description"));
    return std::to_string(answer.status) + " " + Text(answer.Json(), "error");
  };
  EXPECT_EQ(error({}), "400 invalid_request");
  EXPECT_EQ(error({{"grant_type", "password"}}), "400 unsupported_grant_type");
  EXPECT_EQ(error({{"grant_type", "client_credentials"}, {"client_id", app.id}}),
            "401 invalid_client");
  Web::Pairs client = {{"client_id", app.id}, {"client_secret", app.secret}};
  Web::Pairs scoped = client;
  scoped.insert(scoped.end(), {{"grant_type", "client_credentials"}, {"scope", "admin:read"}});
  EXPECT_EQ(error(scoped), "400 invalid_scope");
  Web::Pairs code = client;
  code.insert(code.end(), {{"grant_type", "authorization_code"}, {"code", "x"}});
  EXPECT_EQ(error(code), "400 invalid_grant");
}

TEST_F(OAuthRoutesTest, AnAppGetsItsOwnTokenByJsonOrBasicAndRevokesIt) {
  App app = Register(), other = Register();
  auto json = web.Call(net::Method::kPost, "/oauth/token", {{"content-type", "application/json"}},
                       R"({"grant_type":"client_credentials","scope":"read write","client_id":")" +
                           app.id + R"(","client_secret":")" + app.secret + "\"}");
  std::string token = Text(json.Json(), "access_token");
  EXPECT_EQ(Text(web.Get("/api/v1/apps/verify_credentials", token).Json(), "name"), "Some <App>");
  EXPECT_EQ(web.Get("/api/v1/accounts/verify_credentials", token).status, 422);  // no member
  std::string basic = "Basic " + codec::Base64Encode(app.id + ":" + app.secret);
  auto by_header =
      web.Call(net::Method::kPost, "/oauth/token",
               {{"authorization", basic}, {"content-type", "application/x-www-form-urlencoded"}},
               "grant_type=client_credentials");
  EXPECT_EQ(Text(by_header.Json(), "scope"), "read");

  auto revoke = [&](const App& by, const std::string& what) {
    return web.Post("/oauth/revoke",
                    {{"client_id", by.id}, {"client_secret", by.secret}, {"token", what}});
  };
  EXPECT_EQ(Text(revoke(other, token).Json(), "error"), "unauthorized_client");
  EXPECT_EQ(revoke(other, token).status, 403);
  EXPECT_EQ(revoke(app, "unknown").status, 200);
  EXPECT_EQ(revoke(app, token).body, "{}");
  EXPECT_EQ(web.Get("/api/v1/apps/verify_credentials", token).status, 401);
}

TEST_F(OAuthRoutesTest, UserinfoNeedsTheProfileScope) {
  auto info = web.Get("/oauth/userinfo", web.Token(alice, "profile")).Json();
  EXPECT_EQ(Text(info, "preferred_username"), "alice");
  EXPECT_EQ(Text(info, "sub"), "https://social.example/users/alice");
  EXPECT_EQ(web.Get("/oauth/userinfo", web.Token(alice, "write")).status, 403);
}

TEST_F(OAuthRoutesTest, DiscoveryListsPkceAndTheScopes) {
  auto json = web.Get("/.well-known/oauth-authorization-server").Json();
  EXPECT_EQ(json.at_pointer("/code_challenge_methods_supported/0").as_string(), "S256");
  EXPECT_EQ(Text(json, "token_endpoint"), "https://social.example/oauth/token");
  EXPECT_GT(json.at("scopes_supported").as_array().size(), 40u);
}

}  // namespace
}  // namespace stampede::oauth
