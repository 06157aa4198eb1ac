#include "features/oauth/service.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/limits.h"
#include "codec/base64.h"
#include "codec/crypto.h"
#include "features/oauth/authenticator.h"
#include "features/oauth/policy.h"
#include "features/testing/cast.h"

namespace stampede::oauth {
namespace {

constexpr std::string_view kRedirect = "https://app.example/callback";
constexpr std::string_view kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

class OAuthServiceTest : public ::testing::Test, public stampede::testing::Cast {
 protected:
  CreatedApp MakeApp(std::string scopes = "read write") {
    return oauth.CreateApp(
        {.name = "App", .redirect_uris = {std::string(kRedirect)}, .scopes = std::move(scopes)});
  }
  std::string CodeFor(const AppRecord& app, std::string challenge = "") {
    return oauth.IssueCode(app, {.account = alice,
                                 .scopes = *net::ScopeSet::Parse("read"),
                                 .redirect_uri = std::string(kRedirect),
                                 .code_challenge = std::move(challenge)});
  }
  // OAuth's word for why `call` is refused.
  template <class Call>
  std::string WordOf(Call call) {
    try {
      call();
      return "none";
    } catch (const Error& error) {
      return error.oauth().empty() ? error.public_text() : error.oauth();
    }
  }

  OAuthService oauth{committer, random};
  TokenAuthenticator authenticator{oauth, accounts};
};

TEST_F(OAuthServiceTest, AnAppIsKnownByItsIdAndSecret) {
  CreatedApp created = MakeApp();
  EXPECT_EQ(oauth.AuthenticateApp(created.app.client_id(), created.client_secret)->name(), "App");
  for (auto [id, secret] : {std::pair(created.app.client_id(), std::string("wrong")),
                            std::pair(std::string("wrong"), created.client_secret),
                            std::pair(std::string(), std::string())}) {
    EXPECT_EQ(WordOf([&] { oauth.AuthenticateApp(id, secret); }), "invalid_client");
  }
}

TEST_F(OAuthServiceTest, AppsWithBadEntriesAreRefused) {
  auto word = [&](NewApp app) { return WordOf([&] { oauth.CreateApp(app); }); };
  EXPECT_EQ(word({.name = "", .redirect_uris = {"a:b"}}), "Validation failed: Name can't be blank");
  EXPECT_EQ(word({.name = "x"}), "Validation failed: Redirect URI can't be blank");
  EXPECT_EQ(word({.name = "x", .redirect_uris = {"javascript:alert(1)"}}),
            "Validation failed: Redirect URI is forbidden by the server");
  EXPECT_EQ(word({.name = "x", .redirect_uris = {"/relative"}}),
            "Validation failed: Redirect URI must be an absolute URI");
  EXPECT_EQ(word({.name = "x", .redirect_uris = {"a:b"}, .scopes = "read fly"}),
            "Validation failed: Scopes doesn't match configured on the server.");
  EXPECT_EQ(word({.name = "x", .website = "ftp://x", .redirect_uris = {"a:b"}}),
            "Validation failed: Website must be a valid URL");
  EXPECT_EQ(word({.name = "x", .redirect_uris = {"myapp://cb", std::string(kOutOfBand)}}), "none");
}

TEST_F(OAuthServiceTest, ACodeBuysOneTokenThatStandsForTheMember) {
  CreatedApp created = MakeApp();
  IssuedToken token = oauth.ExchangeCode(created.app, CodeFor(created.app), kRedirect, "");
  net::Caller caller = authenticator.Authenticate(token.token);
  EXPECT_EQ(caller.account, alice);
  EXPECT_EQ(caller.app, AppId(created.app.id()));
  EXPECT_EQ(caller.scopes.ToString(), "read");
}

TEST_F(OAuthServiceTest, ACodeUsedTwiceTakesItsTokenWithIt) {
  CreatedApp created = MakeApp();
  std::string code = CodeFor(created.app);
  IssuedToken token = oauth.ExchangeCode(created.app, code, kRedirect, "");
  EXPECT_EQ(WordOf([&] { oauth.ExchangeCode(created.app, code, kRedirect, ""); }), "invalid_grant");
  EXPECT_EQ(WordOf([&] { authenticator.Authenticate(token.token); }),
            "The access token is invalid");
}

TEST_F(OAuthServiceTest, OfConcurrentExchangesAtMostOneGetsAToken) {
  CreatedApp created = MakeApp();
  std::string code = CodeFor(created.app);
  std::atomic<int> got = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      got += WordOf([&] { oauth.ExchangeCode(created.app, code, kRedirect, ""); }) == "none";
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, 1);
}

TEST_F(OAuthServiceTest, ACodeIsBoundToItsAppRedirectAndTime) {
  CreatedApp created = MakeApp(), other = MakeApp();
  std::string code = CodeFor(created.app);
  auto word = [&](const AppRecord& app, std::string_view redirect, std::string_view verifier) {
    return WordOf([&] { oauth.ExchangeCode(app, code, redirect, verifier); });
  };
  EXPECT_EQ(word(other.app, kRedirect, ""), "invalid_grant");
  EXPECT_EQ(word(created.app, "https://app.example/callback/", ""), "invalid_grant");
  EXPECT_EQ(word(created.app, kRedirect, kVerifier), "invalid_grant");
  clock.AdvanceMs(limits::kAuthorizationCodeMs);
  EXPECT_EQ(word(created.app, kRedirect, ""), "invalid_grant");
}

TEST_F(OAuthServiceTest, PkceFollowsTheExampleOfItsRfc) {  // RFC 7636, appendix B
  CreatedApp created = MakeApp();
  EXPECT_TRUE(MatchesChallenge(kVerifier, kChallenge));
  std::string code = CodeFor(created.app, std::string(kChallenge));
  auto word = [&](std::string_view verifier) {
    return WordOf([&] { oauth.ExchangeCode(created.app, code, kRedirect, verifier); });
  };
  EXPECT_EQ(word(""), "invalid_grant");
  EXPECT_EQ(word(std::string(43, 'a')), "invalid_grant");
  EXPECT_EQ(word(kChallenge), "invalid_grant");
  EXPECT_EQ(word(kVerifier), "none");
}

TEST_F(OAuthServiceTest, ScopesAreASubsetOfTheApps) {
  CreatedApp created = MakeApp("read write:statuses");
  EXPECT_EQ(oauth.ScopesFor(created.app, "read:accounts write:statuses"),
            *net::ScopeSet::Parse("write:statuses read:accounts"));
  EXPECT_EQ(oauth.ScopesFor(created.app, std::nullopt).ToString(), "read");
  EXPECT_EQ(WordOf([&] { oauth.ScopesFor(created.app, "write"); }), "invalid_scope");
  EXPECT_EQ(WordOf([&] { oauth.ScopesFor(created.app, "nonsense"); }), "invalid_scope");
  EXPECT_EQ(oauth.ScopesFor(MakeApp("write:statuses").app, "").ToString(), "write:statuses");
}

TEST_F(OAuthServiceTest, OnlyTheOwnAppRevokesAToken) {
  CreatedApp created = MakeApp(), other = MakeApp();
  IssuedToken token = oauth.IssueToken(created.app, alice, *net::ScopeSet::Parse("read"));
  EXPECT_EQ(WordOf([&] { oauth.Revoke(&other.app, token.token); }), "unauthorized_client");
  EXPECT_EQ(WordOf([&] { oauth.Revoke(nullptr, token.token); }), "unauthorized_client");
  EXPECT_EQ(authenticator.Authenticate(token.token).account, alice);
  oauth.Revoke(&created.app, token.token);
  oauth.Revoke(&created.app, token.token);
  EXPECT_EQ(WordOf([&] { authenticator.Authenticate(token.token); }),
            "The access token is invalid");
}

TEST_F(OAuthServiceTest, TheUseOfATokenIsWrittenOnceADay) {
  CreatedApp created = MakeApp();
  IssuedToken token = oauth.IssueToken(created.app, alice, *net::ScopeSet::Parse("read"));
  authenticator.Authenticate(token.token);
  EXPECT_EQ(oauth.FindToken(token.token)->last_used_ms(), clock.NowMs());
  int64_t issued_ms = clock.NowMs();
  clock.AdvanceMs(23LL * 3600 * 1000);
  authenticator.Authenticate(token.token);
  EXPECT_EQ(oauth.FindToken(token.token)->last_used_ms(), issued_ms);
  clock.AdvanceMs(2LL * 3600 * 1000);
  authenticator.Authenticate(token.token);
  EXPECT_EQ(oauth.FindToken(token.token)->last_used_ms(), clock.NowMs());
}

TEST_F(OAuthServiceTest, SessionsEndBySigningOutAndByTime) {
  std::string one = oauth.StartSession(alice), two = oauth.StartSession(bob);
  EXPECT_EQ(oauth.SessionAccount(one), alice);
  oauth.EndSession(one);
  EXPECT_EQ(oauth.SessionAccount(one), std::nullopt);
  EXPECT_EQ(oauth.SessionAccount(two), bob);
  clock.AdvanceMs(limits::kWebSessionMs);
  EXPECT_EQ(oauth.SessionAccount(two), std::nullopt);
  EXPECT_EQ(oauth.SessionAccount(""), std::nullopt);
}

TEST_F(OAuthServiceTest, NoSecretIsStored) {
  CreatedApp created = MakeApp();
  std::string code = CodeFor(created.app), cookie = oauth.StartSession(alice);
  IssuedToken token = oauth.IssueToken(created.app, alice, *net::ScopeSet::Parse("read"));
  for (const store::Table* table : store::AllTables()) {
    for (unsigned partition = 0; partition < kPartitionCount; ++partition) {
      std::string prefix = store::Key(static_cast<Partition>(partition), *table);
      for (const store::Row& row :
           store.Scan({.range = store::KeyRange::Prefix(prefix), .limit = 100})) {
        for (const std::string& secret : {created.client_secret, code, cookie, token.token}) {
          EXPECT_EQ((row.key + row.value).find(secret), std::string::npos) << table->name();
        }
      }
    }
  }
}

}  // namespace
}  // namespace stampede::oauth
