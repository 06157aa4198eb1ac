#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the oauth room
// | table            | byte | partition           | key fields            | value         |
// | oauth_app        | 0x18 | the app's           | app                   | AppRecord     |
// | oauth_client     | 0x19 | hash of the id      | client id             | AppRef        |
// | oauth_token      | 0x1a | hash of the hash    | SHA-256 of the token  | TokenRecord   |
// | oauth_user_token | 0x1b | the account's       | account, token id     | TokenRef      |
// | oauth_code       | 0x1c | hash of the hash    | SHA-256 of the code   | CodeRecord    |
// | web_session      | 0x1d | hash of the hash    | SHA-256 of the cookie | SessionRecord |
namespace stampede::oauth {

std::string AppKey(AppId app);
std::string ClientKey(std::string_view client_id);
// The secrets themselves never become part of a key: these take their SHA-256.
std::string TokenKey(std::string_view token_hash);
std::string CodeKey(std::string_view code_hash);
std::string SessionKey(std::string_view cookie_hash);
std::string UserTokenKey(AccountId account, TokenId token);
store::KeyRange UserTokenRange(AccountId account);

}  // namespace stampede::oauth
