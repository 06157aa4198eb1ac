#include "features/oauth/keys.h"

namespace stampede::oauth {
namespace {

const store::Table kApp(0x18, "oauth_app", store::Access::kRecord);
const store::Table kClient(0x19, "oauth_client", store::Access::kRecord);
const store::Table kToken(0x1a, "oauth_token", store::Access::kRecord);
const store::Table kUserToken(0x1b, "oauth_user_token", store::Access::kIndex);
const store::Table kCode(0x1c, "oauth_code", store::Access::kRecord);
const store::Table kSession(0x1d, "web_session", store::Access::kRecord);

std::string ByText(const store::Table& table, std::string_view text) {
  return store::Key(PartitionOf(text), table).Text(text);
}

}  // namespace

std::string AppKey(AppId app) { return store::Key(app.partition(), kApp).Id(app); }
std::string ClientKey(std::string_view client_id) { return ByText(kClient, client_id); }
std::string TokenKey(std::string_view token_hash) { return ByText(kToken, token_hash); }
std::string CodeKey(std::string_view code_hash) { return ByText(kCode, code_hash); }
std::string SessionKey(std::string_view cookie_hash) { return ByText(kSession, cookie_hash); }

std::string UserTokenKey(AccountId account, TokenId token) {
  return store::Key(account.partition(), kUserToken).Id(account).Id(token);
}

store::KeyRange UserTokenRange(AccountId account) {
  return store::KeyRange::Prefix(store::Key(account.partition(), kUserToken).Id(account).str());
}

}  // namespace stampede::oauth
