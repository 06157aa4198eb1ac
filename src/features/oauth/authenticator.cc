#include "features/oauth/authenticator.h"

#include "obs/log.h"

namespace stampede::oauth {

void RequireActive(accounts::Standing standing) {
  using accounts::Standing;
  switch (standing) {
    case Standing::kActive:
      return;
    case Standing::kUnconfirmed:
      throw Error(ErrorCode::kForbidden, "Your login is missing a confirmed e-mail address");
    case Standing::kPending:
      throw Error(ErrorCode::kForbidden, "Your login is currently pending approval");
    case Standing::kDisabled:
    case Standing::kSuspended:
      throw Error(ErrorCode::kForbidden, "Your login is currently disabled");
  }
}

net::Caller TokenAuthenticator::Authenticate(std::string_view token) {
  auto record = oauth_.FindToken(token);
  if (!record) throw Error(ErrorCode::kUnauthorized, "The access token is invalid");
  net::Caller caller{.account = AccountId(record->account()),
                     .app = AppId(record->app()),
                     .token = TokenId(record->id()),
                     .scopes = net::ScopeSet::FromBits(record->scopes())};
  if (caller.is_user()) {
    RequireActive(accounts_.StandingOf(caller.account));
    try {
      accounts_.NoteActivity(caller.account);
    } catch (const std::exception& error) {  // not worth failing a request
      obs::Log(obs::LogLevel::kWarn, "activity not noted", {{"what", error.what()}});
    }
  }
  oauth_.NoteUse(token, *record);
  return caller;
}

}  // namespace stampede::oauth
