#include "features/oauth/service.h"

#include "base/limits.h"
#include "codec/crypto.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "features/oauth/keys.h"
#include "features/oauth/policy.h"
#include "obs/log.h"

namespace stampede::oauth {
namespace {

constexpr int64_t kLastUsedStepMs = 24LL * 3600 * 1000;
// Longer than any secret given out here; what is longer need not be hashed to be unknown.
constexpr size_t kSecretBytesMax = 256;

template <class Record>
std::optional<Record> Parse(const std::optional<std::string>& bytes) {
  if (!bytes) return std::nullopt;
  Record record;
  if (!record.ParseFromString(*bytes)) throw std::runtime_error("oauth: a record does not parse");
  return record;
}

void CheckNewApp(const NewApp& app) {
  if (codec::Trim(app.name).empty()) throw Error::Invalid("Name can't be blank");
  if (codec::CodePointCount(app.name) > limits::kAppNameCharsMax) {
    throw Error::Invalid("Name is too long (maximum is 60 characters)");
  }
  if (app.redirect_uris.empty()) throw Error::Invalid("Redirect URI can't be blank");
  size_t bytes = 0;
  for (const std::string& uri : app.redirect_uris) {
    bytes += uri.size() + 1;
    if (auto problem = RedirectUriProblem(uri)) throw Error::Invalid("Redirect URI " + *problem);
  }
  if (bytes > limits::kRedirectUrisBytesMax) {
    throw Error::Invalid("Redirect URI is too long (maximum is 2000 characters)");
  }
  if (app.website.size() > limits::kWebsiteBytesMax) {
    throw Error::Invalid("Website is too long (maximum is 2000 characters)");
  }
  if (!app.website.empty() && !codec::IsHttpUrl(app.website)) {
    throw Error::Invalid("Website must be a valid URL");
  }
}

}  // namespace

Error OAuthError(std::string_view word) {
  struct Row {
    std::string_view word;
    ErrorCode code;
    std::string_view text;
  };
  static constexpr Row kRows[] = {
      {"invalid_request", ErrorCode::kBadRequest,
       "The request is missing a required parameter, includes an unsupported parameter value, or "
       "is "
       "otherwise malformed."},
      {"invalid_client", ErrorCode::kUnauthorized,
       "Client authentication failed due to unknown client, no client authentication included, or "
       "unsupported authentication method."},
      {"invalid_grant", ErrorCode::kBadRequest,
       "The provided authorization grant is invalid, expired, revoked, does not match the "
       "redirection URI used in the authorization request, or was issued to another client."},
      {"invalid_scope", ErrorCode::kBadRequest,
       "The requested scope is invalid, unknown, or malformed."},
      {"unauthorized_client", ErrorCode::kForbidden, "You are not authorized to revoke this token"},
      {"unsupported_grant_type", ErrorCode::kBadRequest,
       "The authorization grant type is not supported by the authorization server."},
      {"unsupported_response_type", ErrorCode::kBadRequest,
       "The authorization server does not support this response type."},
      {"access_denied", ErrorCode::kForbidden,
       "The resource owner or authorization server denied the request."},
  };
  for (const Row& row : kRows) {
    if (row.word != word) continue;
    Error error(row.code, std::string(row.text));
    error.WithOAuth(std::string(word));
    return error;
  }
  return Error(ErrorCode::kInternal, "Internal server error", "no such OAuth error");
}

OAuthService::OAuthService(events::Committer& committer, Random& random)
    : committer_(committer), random_(random) {}

CreatedApp OAuthService::CreateApp(const NewApp& app) {
  CheckNewApp(app);
  std::optional<net::ScopeSet> scopes = net::ScopeSet::Parse(app.scopes.value_or("read"));
  if (!scopes || scopes->empty()) {
    throw Error::Invalid("Scopes doesn't match configured on the server.");
  }
  CreatedApp created;
  AppRecord& record = created.app;
  record.set_name(std::string(codec::Trim(app.name)));
  record.set_website(app.website);
  for (const std::string& uri : app.redirect_uris) record.add_redirect_uris(uri);
  record.set_scopes(scopes->bits());
  record.set_created_ms(committer_.clock().NowMs());
  committer_.Run([&](events::Action& action) {
    AppId id = committer_.ids().Next<AppId>(committer_.ids().RandomPartition());
    created.client_secret = random_.Token();
    record.set_id(id.value());
    record.set_client_id(random_.Token());
    record.set_client_secret_hash(codec::Sha256(created.client_secret));
    AppRef ref;
    ref.set_id(id.value());
    action.batch.ExpectAbsent(AppKey(id));
    action.batch.Put(AppKey(id), record.SerializeAsString());
    action.batch.Put(ClientKey(record.client_id()), ref.SerializeAsString());
  });
  return created;
}

std::shared_ptr<const AppRecord> OAuthService::GetApp(AppId app) {
  return committer_.records().Get<AppRecord>(AppKey(app));
}

std::shared_ptr<const AppRecord> OAuthService::FindApp(std::string_view client_id) {
  if (client_id.empty() || client_id.size() > kSecretBytesMax || !codec::IsAscii(client_id) ||
      client_id.find('\0') != std::string_view::npos)
    return nullptr;
  auto ref = committer_.records().Get<AppRef>(ClientKey(client_id));
  return ref ? GetApp(AppId(ref->id())) : nullptr;
}

std::shared_ptr<const AppRecord> OAuthService::AuthenticateApp(std::string_view client_id,
                                                               std::string_view client_secret) {
  auto app = FindApp(client_id);
  if (!app || client_secret.size() > kSecretBytesMax ||
      !codec::ConstantTimeEqual(codec::Sha256(client_secret), app->client_secret_hash()))
    throw OAuthError("invalid_client");
  return app;
}

net::ScopeSet OAuthService::ScopesFor(const AppRecord& app, std::optional<std::string_view> words) {
  net::ScopeSet allowed = net::ScopeSet::FromBits(app.scopes());
  if (!words || codec::Trim(*words).empty()) {
    net::ScopeSet read = *net::ScopeSet::Parse("read");
    return allowed.Includes(read) ? read : allowed;
  }
  std::optional<net::ScopeSet> scopes = net::ScopeSet::Parse(*words);
  if (!scopes || !allowed.Includes(*scopes)) throw OAuthError("invalid_scope");
  return *scopes;
}

std::string OAuthService::IssueCode(const AppRecord& app, const Grant& grant) {
  std::string code = random_.Token();
  CodeRecord record;
  record.set_app(app.id());
  record.set_account(grant.account.value());
  record.set_scopes(grant.scopes.bits());
  record.set_redirect_uri(grant.redirect_uri);
  record.set_code_challenge(grant.code_challenge);
  record.set_expires_ms(committer_.clock().NowMs() + limits::kAuthorizationCodeMs);
  std::string key = CodeKey(codec::Sha256(code));
  committer_.Run([&](events::Action& action) {
    action.batch.ExpectAbsent(key);
    action.batch.Put(key, record.SerializeAsString());
    action.Enqueue(kExpireJob, store::PartitionOfKey(key), key, record.expires_ms());
  });
  return code;
}

IssuedToken OAuthService::ExchangeCode(const AppRecord& app, std::string_view code,
                                       std::string_view redirect_uri, std::string_view verifier) {
  if (code.size() > kSecretBytesMax) throw OAuthError("invalid_grant");
  const std::string key = CodeKey(codec::Sha256(code));
  IssuedToken issued;
  committer_.Run([&](events::Action& action) {
    std::optional<std::string> bytes = committer_.store().Get(key);
    auto record = Parse<CodeRecord>(bytes);
    if (!record || record->app() != app.id()) throw OAuthError("invalid_grant");
    if (!record->token_hash().empty()) {
      EraseToken(record->token_hash());
      throw OAuthError("invalid_grant");
    }
    // A verifier without a challenge is a downgrade: RFC 9700, section 4.8.2.
    bool proven = record->code_challenge().empty()
                      ? verifier.empty()
                      : MatchesChallenge(verifier, record->code_challenge());
    if (record->expires_ms() <= committer_.clock().NowMs() ||
        record->redirect_uri() != redirect_uri || !proven)
      throw OAuthError("invalid_grant");
    issued =
        Mint(action, app, AccountId(record->account()), net::ScopeSet::FromBits(record->scopes()));
    record->set_token_hash(codec::Sha256(issued.token));
    action.batch.ExpectUnchanged(key, bytes);
    action.batch.Put(key, record->SerializeAsString());
  });
  return issued;
}

IssuedToken OAuthService::IssueToken(const AppRecord& app, AccountId account,
                                     net::ScopeSet scopes) {
  IssuedToken issued;
  committer_.Run([&](events::Action& action) { issued = Mint(action, app, account, scopes); });
  return issued;
}

IssuedToken OAuthService::Mint(events::Action& action, const AppRecord& app, AccountId account,
                               net::ScopeSet scopes) {
  IssuedToken issued{random_.Token(), scopes, committer_.clock().NowMs()};
  const std::string hash = codec::Sha256(issued.token);
  TokenId id =
      committer_.ids().Next<TokenId>(account ? account.partition() : AppId(app.id()).partition());
  TokenRecord record;
  record.set_id(id.value());
  record.set_app(app.id());
  record.set_account(account.value());
  record.set_scopes(scopes.bits());
  record.set_created_ms(issued.created_ms);
  record.set_last_used_ms(issued.created_ms);
  action.batch.ExpectAbsent(TokenKey(hash));
  action.batch.Put(TokenKey(hash), record.SerializeAsString());
  if (account) {
    TokenRef ref;
    ref.set_token_hash(hash);
    action.batch.ExpectAbsent(UserTokenKey(account, id));
    action.batch.Put(UserTokenKey(account, id), ref.SerializeAsString());
  }
  return issued;
}

std::shared_ptr<const TokenRecord> OAuthService::FindToken(std::string_view token) {
  if (token.empty() || token.size() > kSecretBytesMax) return nullptr;
  return committer_.records().Get<TokenRecord>(TokenKey(codec::Sha256(token)));
}

void OAuthService::Revoke(const AppRecord* app, std::string_view token) {
  auto record = FindToken(token);
  if (!record) return;
  if (!app || record->app() != app->id()) throw OAuthError("unauthorized_client");
  EraseToken(codec::Sha256(token));
}

void OAuthService::EraseToken(const std::string& token_hash) {
  committer_.Run([&](events::Action& action) {
    auto record = Parse<TokenRecord>(committer_.store().Get(TokenKey(token_hash)));
    if (!record) return;
    AccountId account(record->account());
    action.batch.ExpectPresent(TokenKey(token_hash));
    action.batch.Erase(TokenKey(token_hash));
    if (account) action.batch.Erase(UserTokenKey(account, TokenId(record->id())));
    // So that every node forgets the token.
    action.Announce(events::EventKind::kInteraction, account, {});
  });
}

void OAuthService::NoteUse(std::string_view token, const TokenRecord& seen) {
  int64_t now = committer_.clock().NowMs();
  if (now - seen.last_used_ms() < kLastUsedStepMs) return;
  try {
    const std::string key = TokenKey(codec::Sha256(token));
    events::Action action;
    std::optional<std::string> bytes = committer_.store().Get(key);
    auto record = Parse<TokenRecord>(bytes);
    if (!record) return;
    record->set_last_used_ms(now);
    action.batch.ExpectUnchanged(key, bytes);
    action.batch.Put(key, record->SerializeAsString());
    action.batch.Relax();
    committer_.Commit(action);  // if somebody else noted it first, all the better
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kWarn, "use of a token not noted", {{"what", error.what()}});
  }
}

std::string OAuthService::StartSession(AccountId account) {
  std::string cookie = random_.Token();
  int64_t now = committer_.clock().NowMs();
  SessionRecord record;
  record.set_account(account.value());
  record.set_created_ms(now);
  record.set_expires_ms(now + limits::kWebSessionMs);
  const std::string key = SessionKey(codec::Sha256(cookie));
  committer_.Run([&](events::Action& action) {
    action.batch.ExpectAbsent(key);
    action.batch.Put(key, record.SerializeAsString());
    action.Enqueue(kExpireJob, store::PartitionOfKey(key), key, record.expires_ms());
  });
  return cookie;
}

std::optional<AccountId> OAuthService::SessionAccount(std::string_view cookie) {
  if (cookie.empty() || cookie.size() > kSecretBytesMax) return std::nullopt;
  auto session = committer_.records().Get<SessionRecord>(SessionKey(codec::Sha256(cookie)));
  if (!session || session->expires_ms() <= committer_.clock().NowMs()) return std::nullopt;
  return AccountId(session->account());
}

void OAuthService::EndSession(std::string_view cookie) {
  if (cookie.empty() || cookie.size() > kSecretBytesMax) return;
  const std::string key = SessionKey(codec::Sha256(cookie));
  committer_.Run([&](events::Action& action) {
    auto session = Parse<SessionRecord>(committer_.store().Get(key));
    if (!session) return;
    action.batch.Erase(key);
    action.Announce(events::EventKind::kInteraction, AccountId(session->account()), {});
  });
}

}  // namespace stampede::oauth
