#include "features/accounts/names.h"

namespace stampede::accounts {

std::string Acct(const AccountRecord& account) {
  return account.domain().empty() ? account.username()
                                  : account.username() + "@" + account.domain();
}

std::string ProfileUrl(const AccountRecord& account, const Site& site) {
  if (account.domain().empty()) return site.base_url + "/@" + account.username();
  return account.url().empty() ? account.uri() : account.url();
}

std::string ActorUri(const AccountRecord& account, const Site& site) {
  if (account.domain().empty()) return site.base_url + "/users/" + account.username();
  return account.uri();
}

}  // namespace stampede::accounts
