#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "codec/json_writer.h"
#include "features/accounts/names.h"
#include "features/accounts/records.pb.h"
#include "features/instance/site.h"
#include "store/derived_texts.h"
#include "store/records.h"

namespace stampede::accounts {

// All that an Account entity (docs.joinmastodon.org/entities/Account) is made of.
struct AccountData {
  std::shared_ptr<const AccountRecord> account;  // null: no such account
  int64_t statuses = 0;
  int64_t followers = 0;
  int64_t following = 0;
  int64_t last_status_ms = 0;  // 0: never posted

  explicit operator bool() const { return account != nullptr; }
};

// Adds the reads that some accounts' entities need to a RecordFetch, so that a page loads its
// accounts together with whatever else it needs, in one round trip. Repeated ids are read once.
class AccountFetch {
 public:
  explicit AccountFetch(store::RecordFetch& fetch) : fetch_(fetch) {}
  void Want(AccountId account);
  // After fetch.Run().
  AccountData Take(AccountId account) const;

 private:
  struct Reads {
    const std::shared_ptr<const AccountRecord>* account;
    const std::shared_ptr<const store::Counters>* counters;
  };
  store::RecordFetch& fetch_;
  std::unordered_map<AccountId, Reads> reads_;
};

// For pages of nothing but accounts: in the order of `ids`, those that do not exist left out.
std::vector<AccountData> LoadAccounts(store::Records& records, std::span<const AccountId> ids);

// Writes the Account entity as one JSON object with every key of Mastodon's. A suspended account
// shows neither name, texts nor pictures. `texts`, if given, keeps what does not change with every
// post and follow.
void RenderAccount(codec::JsonWriter& json, const AccountData& data, const Site& site,
                   store::DerivedTexts* texts = nullptr);

// What CredentialAccount and Preferences show to the owner beyond that.
struct CredentialData {
  AccountData account;
  std::shared_ptr<const UserRecord> user;  // null: not a local user
  int64_t follow_requests = 0;
};
CredentialData LoadCredentials(store::Records& records, AccountId account);

// The CredentialAccount entity: Account with `source` and `role`. Account and user must exist.
void RenderCredentialAccount(codec::JsonWriter& json, const CredentialData& data, const Site& site);
// The Preferences entity. Account and user must exist.
void RenderPreferences(codec::JsonWriter& json, const CredentialData& data);
// "public", "followers" or "nobody".
std::string_view DefaultQuotePolicy(const UserRecord& user);

// Absolute; the default picture of the account when it has set none.
std::string AvatarUrl(const AccountRecord& account, const Site& site);
std::string HeaderUrl(const AccountRecord& account, const Site& site);

}  // namespace stampede::accounts
