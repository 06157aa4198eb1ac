#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"

// Key table of the accounts room
// clang-format off
// | table              | byte | partition          | key fields                          | value         |
// | account            | 0x10 | the account's      | account                             | AccountRecord |
// | user               | 0x11 | the account's      | account                             | UserRecord    |
// | account_name       | 0x12 | hash of the name   | "name" or "name@domain", lower case | AccountRef    |
// | user_email         | 0x13 | hash of the e-mail | e-mail, lower case                  | AccountRef    |
// | account_counter    | 0x14 | the account's      | account, AccountCounter             | counter       |
// | account_active_day | 0x16 | the account's      | account                             | counter: latest day of use, since the epoch |
// clang-format on
namespace stampede::accounts {

// Stored in keys.
enum class AccountCounter : uint8_t {
  kStatuses = 1,
  kFollowers = 2,
  kFollowing = 3,
  kFollowRequests = 4,
  kNotifiedFollowers = 5,  // followers who want to be told of every post
  kLastStatusMs = 6,       // Unix time of the midnight (UTC) before the newest post; set, not added
  kRestrictions = 7,       // blocks and mutes by the account, and blocks of it by others
};

std::string AccountKey(AccountId account);
std::string UserKey(AccountId account);
// `handle` without leading @; the domain part only for remote accounts.
std::string NameKey(std::string_view handle);
std::string EmailKey(std::string_view email);
std::string CounterKey(AccountId account, AccountCounter counter);
// All counters of the account, as store::Counters.
std::string CountersKey(AccountId account);
std::string ActiveDayKey(AccountId account);

}  // namespace stampede::accounts
