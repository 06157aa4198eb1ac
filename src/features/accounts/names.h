#pragma once

#include <string>

#include "features/accounts/records.pb.h"
#include "features/instance/site.h"

// How an account is called and where it is found. Pure, thread-safe.
namespace stampede::accounts {

// "alice" for local accounts, "alice@example.org" for others.
std::string Acct(const AccountRecord& account);
// The page that people open, e.g. https://host/@alice.
std::string ProfileUrl(const AccountRecord& account, const Site& site);
// The ActivityPub id, e.g. https://host/users/alice.
std::string ActorUri(const AccountRecord& account, const Site& site);

}  // namespace stampede::accounts
