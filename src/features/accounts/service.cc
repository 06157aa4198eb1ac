#include "features/accounts/service.h"

#include <deque>

#include "base/error.h"
#include "codec/language.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "features/accounts/keys.h"
#include "features/accounts/names.h"
#include "features/accounts/policy.h"
#include "features/instance/keys.h"

namespace stampede::accounts {
namespace {

// Longer than any handle: a name of 30 (or a remote one of 128), an @ and a domain of 253.
constexpr size_t kHandleBytesMax = 400;

template <class Record>
std::optional<Record> Read(store::Store& store, const std::string& key,
                           std::optional<std::string>* bytes = nullptr) {
  std::optional<std::string> value = store.Get(key);
  if (bytes) *bytes = value;
  if (!value) return std::nullopt;
  Record record;
  if (!record.ParseFromString(*value))
    throw std::runtime_error("accounts: a record does not parse");
  return record;
}

std::string EncodeRef(AccountId account) {
  AccountRef ref;
  ref.set_id(account.value());
  return ref.SerializeAsString();
}

bool MayUse(const UserRecord& user) { return user.confirmed_ms() && user.approved_ms(); }

}  // namespace

class AccountsService::HashSlot {
 public:
  explicit HashSlot(AccountsService& service) : service_(service) {
    MutexLock lock(service_.hash_mutex_);
    while (service_.hash_slots_ == 0) service_.hash_free_.Wait(service_.hash_mutex_);
    --service_.hash_slots_;
  }
  ~HashSlot() {
    MutexLock lock(service_.hash_mutex_);
    ++service_.hash_slots_;
    service_.hash_free_.NotifyOne();
  }

 private:
  AccountsService& service_;
};

AccountsService::AccountsService(events::Committer& committer, Random& random, const Site& site,
                                 codec::PasswordCost cost)
    : committer_(committer), random_(random), site_(site), cost_(cost) {
  unknown_hash_ = codec::HashOfNoPassword(random_, cost_);
}

std::string AccountsService::HashPassword(std::string_view password) {
  HashSlot slot(*this);
  return codec::HashPassword(password, random_, cost_);
}

bool AccountsService::CheckPassword(const std::string& hash, std::string_view password) {
  HashSlot slot(*this);
  return codec::VerifyPassword(hash, password);
}

void AccountsService::CheckSignUp(const NewUser& user) {
  if (site_.registrations == Registrations::kClosed && !user.by_operator) throw Error::Forbidden();
  std::vector<Error::FieldProblem> problems = SignUpProblems(user);
  auto has = [&](std::string_view field) {
    return std::any_of(problems.begin(), problems.end(),
                       [&](const Error::FieldProblem& p) { return p.field == field; });
  };
  store::Store& store = committer_.store();
  if (!has("username") && store.Get(NameKey(user.username))) {
    problems.push_back({"username", "ERR_TAKEN", "has already been taken"});
  }
  if (!has("email") && store.Get(EmailKey(user.email))) {
    problems.push_back({"email", "ERR_TAKEN", "has already been taken"});
  }
  if (!problems.empty()) ThrowProblems(std::move(problems));
}

AccountId AccountsService::SignUp(const NewUser& entered) {
  NewUser user = entered;
  user.username = codec::Trim(entered.username);
  user.email = codec::Trim(entered.email);
  CheckSignUp(user);
  int64_t now = committer_.clock().NowMs();
  UserRecord record;
  record.set_email(user.email);
  record.set_password_hash(HashPassword(user.password));
  record.set_confirmed_ms(user.confirmed ? now : 0);
  record.set_approved_ms(user.approved ? now : 0);
  record.set_locale(codec::NormalizeLanguage(user.locale).value_or(site_.languages.front()));
  record.set_sign_up_reason(user.reason);
  record.set_created_by_app(user.created_by_app);
  record.set_created_ms(now);

  AccountRecord account;
  account.set_username(user.username);
  account.set_created_ms(now);

  AccountId id;
  committer_.Run([&](events::Action& action) {
    CheckSignUp(user);  // somebody may have taken the name meanwhile
    id = committer_.ids().Next<AccountId>(committer_.ids().RandomPartition());
    account.set_id(id.value());
    record.set_account_id(id.value());
    for (std::string key : {NameKey(user.username), EmailKey(user.email)}) {
      action.batch.ExpectAbsent(key);
      action.batch.Put(std::move(key), EncodeRef(id));
    }
    action.batch.ExpectAbsent(AccountKey(id));
    action.batch.Put(AccountKey(id), account.SerializeAsString());
    action.batch.Put(UserKey(id), record.SerializeAsString());
    if (MayUse(record)) instance::CountUser(action.batch, id, now, 1);
    action.Announce(events::EventKind::kAccountChanged, id, {});
  });
  return id;
}

std::optional<AccountId> AccountsService::FindByName(std::string_view handle) {
  if (handle.starts_with('@')) handle.remove_prefix(1);
  if (handle.empty() || handle.size() > kHandleBytesMax) return std::nullopt;
  size_t at = handle.find('@');
  if (at != std::string_view::npos &&
      codec::Lowercase(handle.substr(at + 1)) == codec::Lowercase(site_.domain)) {
    handle = handle.substr(0, at);
  }
  // Nothing outside ASCII is part of a name here; it could also outgrow a key.
  if (!codec::IsAscii(handle) || handle.find('\0') != std::string_view::npos) return std::nullopt;
  auto ref = records().Get<AccountRef>(NameKey(handle));
  if (!ref) return std::nullopt;
  return AccountId(ref->id());
}

std::optional<AccountId> AccountsService::FindByEmail(std::string_view email) {
  if (!IsPlausibleEmail(email)) return std::nullopt;
  auto ref = records().Get<AccountRef>(EmailKey(email));
  if (!ref) return std::nullopt;
  return AccountId(ref->id());
}

std::shared_ptr<const AccountRecord> AccountsService::Get(AccountId account) {
  return records().Get<AccountRecord>(AccountKey(account));
}

std::shared_ptr<const UserRecord> AccountsService::GetUser(AccountId account) {
  return records().Get<UserRecord>(UserKey(account));
}

Standing AccountsService::StandingOf(AccountId account) {
  store::RecordFetch fetch(records());
  const auto& profile = fetch.Want<AccountRecord>(AccountKey(account));
  const auto& user = fetch.Want<UserRecord>(UserKey(account));
  fetch.Run();
  if (!profile || !user) return Standing::kDisabled;
  if (!user->confirmed_ms()) return Standing::kUnconfirmed;
  if (!user->approved_ms()) return Standing::kPending;
  if (user->disabled()) return Standing::kDisabled;
  return profile->suspended_ms() ? Standing::kSuspended : Standing::kActive;
}

std::optional<AccountId> AccountsService::VerifyPassword(std::string_view login,
                                                         std::string_view password) {
  login = codec::Trim(login);
  bool is_email = login.find('@', 1) != std::string_view::npos;
  std::optional<AccountId> account = is_email ? FindByEmail(login) : FindByName(login);
  std::shared_ptr<const UserRecord> user = account ? GetUser(*account) : nullptr;
  bool matches = CheckPassword(user ? user->password_hash() : unknown_hash_, password);
  return user && matches ? account : std::nullopt;
}

std::string AccountsService::Html(std::string_view text, Formatter format) {
  std::deque<codec::MentionTarget> found;  // a deque: pointers into it stay valid
  codec::FormatContext context;
  context.base_url = site_.base_url;
  context.resolve_mention = [&](std::string_view handle) -> const codec::MentionTarget* {
    std::optional<AccountId> id = FindByName(handle);
    auto account = id ? Get(*id) : nullptr;
    if (!account || account->suspended_ms()) return nullptr;
    found.push_back({ProfileUrl(*account, site_), account->username(), account->domain()});
    return &found.back();
  };
  return format(text, context);
}

ProfileChange AccountsService::UpdateProfile(AccountId account, const ProfilePatch& patch) {
  if (auto problems = ProfileProblems(patch); !problems.empty()) ThrowProblems(std::move(problems));
  ProfileChange change;
  committer_.Run([&](events::Action& action) {
    std::optional<std::string> account_bytes, user_bytes;
    auto profile = Read<AccountRecord>(committer_.store(), AccountKey(account), &account_bytes);
    auto user = Read<UserRecord>(committer_.store(), UserKey(account), &user_bytes);
    if (!profile || !user) throw Error::NotFound();
    change = ApplyToProfile(patch, *profile);
    ApplyToUser(patch, *user);
    std::string profile_after = profile->SerializeAsString(),
                user_after = user->SerializeAsString();
    if (profile_after != account_bytes) {
      action.batch.ExpectUnchanged(AccountKey(account), account_bytes);
      action.batch.Put(AccountKey(account), std::move(profile_after));
      action.Announce(events::EventKind::kAccountChanged, account, {});
    }
    if (user_after != user_bytes) {
      action.batch.ExpectUnchanged(UserKey(account), user_bytes);
      action.batch.Put(UserKey(account), std::move(user_after));
    }
  });
  return change;
}

ProfileChange AccountsService::ApplyToProfile(const ProfilePatch& patch, AccountRecord& account) {
  ProfileChange change;
  change.unlocked = account.locked() && patch.locked == false;
  if (patch.display_name) account.set_display_name(std::string(codec::Trim(*patch.display_name)));
  if (patch.note) {
    account.set_note(*patch.note);
    account.set_note_html(Html(*patch.note, codec::FormatNote));
  }
  if (patch.fields) ApplyFields(*patch.fields, account);
  if (patch.locked) account.set_locked(*patch.locked);
  if (patch.bot) account.set_bot(*patch.bot);
  if (patch.discoverable) account.set_discoverable(*patch.discoverable);
  if (patch.indexable) account.set_indexable(*patch.indexable);
  if (patch.hide_collections) account.set_hide_collections(*patch.hide_collections);
  if (patch.avatar && *patch.avatar != account.avatar()) {
    change.old_avatar = account.avatar();
    account.set_avatar(*patch.avatar);
  }
  if (patch.header && *patch.header != account.header()) {
    change.old_header = account.header();
    account.set_header(*patch.header);
  }
  if (patch.avatar_description) account.set_avatar_description(*patch.avatar_description);
  if (patch.header_description) account.set_header_description(*patch.header_description);
  return change;
}

void AccountsService::ApplyFields(const ProfilePatch::Fields& fields, AccountRecord& account) {
  AccountRecord before = account;
  account.clear_fields();
  for (const auto& [name, value] : fields) {
    if (name.empty() && value.empty()) continue;
    ProfileField* field = account.add_fields();
    field->set_name(name);
    field->set_value(value);
    field->set_value_html(Html(value, codec::FormatField));
    // A verified link stays verified while the same value is shown.
    for (const ProfileField& old : before.fields()) {
      if (old.value() == value) field->set_verified_ms(old.verified_ms());
    }
  }
}

void AccountsService::ApplyToUser(const ProfilePatch& patch, UserRecord& user) {
  if (patch.privacy) user.set_default_visibility(*VisibilityNumber(*patch.privacy));
  if (patch.sensitive) user.set_default_sensitive(*patch.sensitive);
  if (patch.language) {
    user.set_default_language(codec::NormalizeLanguage(*patch.language).value_or(""));
  }
  if (patch.quote_policy) user.set_default_quote_policy(*patch.quote_policy);
}

// Runs `change` on the user's record; counts the user when it may use its account from now on.
template <class Change>
void AccountsService::ChangeUser(AccountId account, Change change) {
  committer_.Run([&](events::Action& action) {
    std::optional<std::string> bytes;
    auto user = Read<UserRecord>(committer_.store(), UserKey(account), &bytes);
    if (!user) throw Error::NotFound();
    bool could_use = MayUse(*user);
    change(*user);
    std::string after = user->SerializeAsString();
    if (after == bytes) return;
    action.batch.ExpectUnchanged(UserKey(account), bytes);
    action.batch.Put(UserKey(account), std::move(after));
    if (!could_use && MayUse(*user)) {
      instance::CountUser(action.batch, account, user->created_ms(), 1);
    }
    action.Announce(events::EventKind::kAccountChanged, account, {});
  });
}

void AccountsService::ApproveUser(AccountId account) {
  int64_t now = committer_.clock().NowMs();
  ChangeUser(account, [now](UserRecord& user) {
    if (!user.approved_ms()) user.set_approved_ms(now);
  });
}

void AccountsService::ConfirmUser(AccountId account) {
  int64_t now = committer_.clock().NowMs();
  ChangeUser(account, [now](UserRecord& user) {
    if (!user.confirmed_ms()) user.set_confirmed_ms(now);
  });
}

void AccountsService::NoteActivity(AccountId account) {
  int64_t now = committer_.clock().NowMs(), today = instance::DayOf(now);
  const std::string key = ActiveDayKey(account);
  if (records().Get<store::Counter>(key)->value >= today) return;
  committer_.Run([&](events::Action& action) {
    std::optional<std::string> bytes = committer_.store().Get(key);
    int64_t before = bytes ? store::DecodeCounter(bytes) : -1;
    if (before >= today) return;
    action.batch.ExpectUnchanged(key, bytes);
    action.batch.Put(key, store::EncodeCounter(today));
    action.batch.Relax();
    instance::CountActivity(action.batch, account, before, now);
  });
}

}  // namespace stampede::accounts
