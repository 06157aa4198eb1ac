#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/random.h"
#include "codec/crypto.h"
#include "codec/text.h"
#include "events/committer.h"
#include "features/accounts/records.pb.h"
#include "features/instance/site.h"

namespace stampede::accounts {

// What somebody enters to get an account.
struct NewUser {
  std::string username;
  std::string email;
  std::string password;
  bool agreement = false;
  std::string locale;
  std::string reason;  // asked for when registrations need approval
  uint64_t created_by_app = 0;
  bool confirmed = false;  // the e-mail address is known to be theirs
  bool approved = false;
  bool by_operator = false;  // from the command line: any state of registrations, no agreement,
                             // reserved names and short passwords allowed
};

// A change of one's own profile and defaults; what is absent stays.
struct ProfilePatch {
  using Fields = std::vector<std::pair<std::string, std::string>>;  // name, value; all of them

  std::optional<std::string> display_name;
  std::optional<std::string> note;
  std::optional<Fields> fields;
  std::optional<bool> locked, bot, discoverable, indexable, hide_collections;
  std::optional<std::string> avatar, header;  // blob names; empty: back to the default
  std::optional<std::string> avatar_description, header_description;
  std::optional<std::string> privacy;  // public, unlisted, private
  std::optional<bool> sensitive;
  std::optional<std::string> language;      // empty: the server's
  std::optional<std::string> quote_policy;  // public, followers, nobody
};

struct ProfileChange {
  bool unlocked = false;               // was locked: its follow requests are to be authorized now
  std::string old_avatar, old_header;  // blobs that nothing refers to any more
};

// What an account may do now; in the order in which Mastodon checks.
enum class Standing : uint8_t { kActive, kUnconfirmed, kPending, kDisabled, kSuspended };

// Commands and queries on accounts and their users. Thread-safe. Every command commits one batch;
// refusals are Errors. Password checks run at most two at a time, because each takes 20 MiB.
class AccountsService {
 public:
  AccountsService(events::Committer& committer, Random& random, const Site& site,
                  codec::PasswordCost cost = {});

  // Throws kInvalid with one field problem per failed rule (docs.joinmastodon.org/methods/accounts,
  // create), kForbidden when registrations are closed.
  AccountId SignUp(const NewUser& user);

  // `handle`: "alice", "@alice", "alice@this.domain" or "alice@other.domain", any case.
  std::optional<AccountId> FindByName(std::string_view handle);
  std::optional<AccountId> FindByEmail(std::string_view email);
  // Null when there is no such account or user.
  std::shared_ptr<const AccountRecord> Get(AccountId account);
  std::shared_ptr<const UserRecord> GetUser(AccountId account);
  Standing StandingOf(AccountId account);

  // The local account with that e-mail address or user name and password. Takes as long for an
  // unknown one. Says nothing of its standing.
  std::optional<AccountId> VerifyPassword(std::string_view email_or_username,
                                          std::string_view password);

  // Throws kInvalid for what is too long or unknown; then nothing has changed.
  ProfileChange UpdateProfile(AccountId account, const ProfilePatch& patch);

  // Idempotent; kNotFound when it is no local user.
  void ApproveUser(AccountId account);
  void ConfirmUser(AccountId account);

  // Notes that a user is here today, for the server's count of active users. Writes once a day.
  void NoteActivity(AccountId account);

  store::Records& records() { return committer_.records(); }
  const Site& site() const { return site_; }

 private:
  void CheckSignUp(const NewUser& user);
  std::string HashPassword(std::string_view password);
  bool CheckPassword(const std::string& hash, std::string_view password);
  using Formatter = std::string (*)(std::string_view, const codec::FormatContext&);
  std::string Html(std::string_view text, Formatter format);
  ProfileChange ApplyToProfile(const ProfilePatch& patch, AccountRecord& account);
  void ApplyFields(const ProfilePatch::Fields& fields, AccountRecord& account);
  void ApplyToUser(const ProfilePatch& patch, UserRecord& user);
  template <class Change>
  void ChangeUser(AccountId account, Change change);

  // At most so many password hashes at a time.
  class HashSlot;

  events::Committer& committer_;
  Random& random_;
  const Site& site_;
  codec::PasswordCost cost_;
  std::string unknown_hash_;  // of nobody's password: checked when the user is unknown
  Mutex hash_mutex_;
  CondVar hash_free_;
  int hash_slots_ STAMPEDE_GUARDED_BY(hash_mutex_) = 2;
};

}  // namespace stampede::accounts
