#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/random.h"
#include "events/committer.h"
#include "features/oauth/records.pb.h"
#include "net/scopes.h"

namespace stampede::oauth {

// The job that erases what has expired: codes and sessions; see jobs.h.
inline constexpr std::string_view kExpireJob = "oauth.expire";

struct NewApp {
  std::string name;
  std::string website;
  std::vector<std::string> redirect_uris;
  std::optional<std::string> scopes;  // absent: "read"
};

// The only moment at which the secret is known.
struct CreatedApp {
  AppRecord app;
  std::string client_secret;
};

// The only moment at which the token is known.
struct IssuedToken {
  std::string token;
  net::ScopeSet scopes;
  int64_t created_ms = 0;
};

// What a member consented to.
struct Grant {
  AccountId account;
  net::ScopeSet scopes;
  std::string redirect_uri;
  std::string code_challenge;  // S256; empty: none
};

// Applications, tokens, authorization codes (RFC 6749, RFC 7636, RFC 7009) and the sessions of
// browsers on this server's own pages. Thread-safe. Refusals are Errors that carry OAuth's `error`
// word. Of every secret the store holds the SHA-256 alone.
class OAuthService {
 public:
  OAuthService(events::Committer& committer, Random& random);

  // Throws kInvalid for a bad name, redirect, scope or website.
  CreatedApp CreateApp(const NewApp& app);
  // Null when there is none.
  std::shared_ptr<const AppRecord> GetApp(AppId app);
  std::shared_ptr<const AppRecord> FindApp(std::string_view client_id);
  // The application that knows its secret; throws invalid_client otherwise.
  std::shared_ptr<const AppRecord> AuthenticateApp(std::string_view client_id,
                                                   std::string_view client_secret);
  // The scopes asked for, "read" when none are (or all of the app's, if it may not read); throws
  // invalid_scope unless the app has them all.
  net::ScopeSet ScopesFor(const AppRecord& app, std::optional<std::string_view> words);

  // A code of limits::kAuthorizationCodeMs that buys one token.
  std::string IssueCode(const AppRecord& app, const Grant& grant);
  // Throws invalid_grant. A code used twice takes the token with it that it was used for first
  // (RFC 6749, section 4.1.2).
  IssuedToken ExchangeCode(const AppRecord& app, std::string_view code,
                           std::string_view redirect_uri, std::string_view verifier);
  // `account` none: the application's own token.
  IssuedToken IssueToken(const AppRecord& app, AccountId account, net::ScopeSet scopes);

  std::shared_ptr<const TokenRecord> FindToken(std::string_view token);
  // Idempotent; throws unauthorized_client for another application's token.
  void Revoke(const AppRecord* app, std::string_view token);
  // Notes the use of a token, at most once a day. Never throws: it is not worth failing a request.
  void NoteUse(std::string_view token, const TokenRecord& record);

  // Signs a browser in: returns the cookie's value.
  std::string StartSession(AccountId account);
  std::optional<AccountId> SessionAccount(std::string_view cookie);
  void EndSession(std::string_view cookie);

 private:
  IssuedToken Mint(events::Action& action, const AppRecord& app, AccountId account,
                   net::ScopeSet scopes);
  void EraseToken(const std::string& token_hash);

  events::Committer& committer_;
  Random& random_;
};

// An Error with OAuth's word for it (RFC 6749, sections 4.1.2.1 and 5.2).
Error OAuthError(std::string_view word);

}  // namespace stampede::oauth
