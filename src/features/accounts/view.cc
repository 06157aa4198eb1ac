#include "features/accounts/view.h"

#include "codec/iso_time.h"
#include "features/accounts/keys.h"

namespace stampede::accounts {
namespace {

using codec::JsonWriter;

bool Suspended(const AccountRecord& account) { return account.suspended_ms() != 0; }

std::string PictureUrl(const Site& site, std::string_view blob, std::string_view fallback,
                       uint64_t account) {
  if (!blob.empty()) return site.base_url + "/media/" + std::string(blob);
  return site.base_url + std::string(fallback) + std::to_string(account) + ".png";
}

void WritePictures(JsonWriter& json, const AccountRecord& account, const Site& site) {
  // Stored pictures never move, so the static variant is the picture itself.
  std::string avatar = AvatarUrl(account, site), header = HeaderUrl(account, site);
  bool hidden = Suspended(account);
  json.Field("avatar", avatar).Field("avatar_static", avatar);
  json.Field("avatar_description", hidden ? std::string() : account.avatar_description());
  json.Field("header", header).Field("header_static", header);
  json.Field("header_description", hidden ? std::string() : account.header_description());
}

void WriteFields(JsonWriter& json, const AccountRecord& account, bool as_html) {
  json.Array();
  for (const ProfileField& field : account.fields()) {
    json.Object().Field("name", field.name());
    json.Field("value", as_html ? field.value_html() : field.value()).Key("verified_at");
    if (field.verified_ms()) {
      json.String(codec::IsoTime(field.verified_ms()));
    } else {
      json.Null();
    }
    json.EndObject();
  }
  json.EndArray();
}

// Who may put the account into a collection without asking it: everybody when it is discoverable,
// its followers when it is locked as well. The entity is the same for every viewer, so a locked
// account says "unknown". https://docs.joinmastodon.org/entities/Account/#feature_approval
void WriteFeatureApproval(JsonWriter& json, const AccountRecord& account) {
  bool open = account.discoverable() && !Suspended(account);
  json.Key("feature_approval").Object().Key("automatic").Array();
  if (open) json.String(account.locked() ? "followers" : "public");
  json.EndArray().Key("manual").Array().EndArray();
  json.Field("current_user", !open ? "denied" : account.locked() ? "unknown" : "automatic");
  json.EndObject();
}

// What of an Account's keys depends on its record alone.
void WriteRecordKeys(JsonWriter& json, const AccountRecord& account, const Site& site) {
  bool hidden = Suspended(account);
  json.Field("id", AccountId(account.id())).Field("username", account.username());
  json.Field("acct", Acct(account));
  json.Field("display_name", hidden ? std::string() : account.display_name());
  json.Field("locked", !hidden && account.locked()).Field("bot", !hidden && account.bot());
  json.Field("discoverable", !hidden && account.discoverable());
  json.Field("indexable", !hidden && account.indexable()).Field("group", false);
  json.Field("created_at", codec::IsoMidnight(account.created_ms()));
  json.Field("note", hidden ? std::string() : account.note_html());
  json.Field("url", ProfileUrl(account, site)).Field("uri", ActorUri(account, site));
  WritePictures(json, account, site);
  json.Field("hide_collections", account.hide_collections());
  // Which tabs a profile shows is not a choice yet: all of them.
  json.Field("show_media", true).Field("show_media_replies", true).Field("show_featured", true);
  json.Key("emojis").Array().EndArray();
  WriteFeatureApproval(json, account);
  json.Key("fields");
  if (hidden) {
    json.Array().EndArray();
  } else {
    WriteFields(json, account, true);
  }
  if (account.domain().empty()) {
    // There is no separate choice against search engines: who is not indexable is not indexed.
    json.Field("noindex", !account.indexable()).Key("roles").Array().EndArray();
  }
  if (hidden) json.Field("suspended", true);
  if (account.silenced_ms()) json.Field("limited", true);
}

// Everything between the braces of an Account.
void WriteAccountKeys(JsonWriter& json, const AccountData& data, const Site& site,
                      store::DerivedTexts* texts) {
  if (texts) {
    json.Raw(*texts->Get(data.account, [&] {
      JsonWriter keys;
      WriteRecordKeys(keys, *data.account, site);
      return keys.TakeString();
    }));
  } else {
    WriteRecordKeys(json, *data.account, site);
  }
  json.Field("followers_count", std::max<int64_t>(data.followers, 0));
  json.Field("following_count", std::max<int64_t>(data.following, 0));
  json.Field("statuses_count", std::max<int64_t>(data.statuses, 0)).Key("last_status_at");
  if (data.last_status_ms > 0) {
    json.String(codec::IsoDate(data.last_status_ms));
  } else {
    json.Null();
  }
}

// How a post goes out when its author does not say. Numbers as in records.proto.
std::string_view DefaultVisibility(const AccountRecord& account, const UserRecord& user) {
  switch (user.default_visibility()) {
    case 1:
      return "public";
    case 2:
      return "unlisted";
    case 3:
      return "private";
    case 4:
      return "direct";
    default:
      return account.locked() ? "private" : "public";
  }
}

void WriteSource(JsonWriter& json, const CredentialData& data) {
  const AccountRecord& account = *data.account.account;
  json.Key("source").Object().Field("privacy", DefaultVisibility(account, *data.user));
  json.Field("sensitive", data.user->default_sensitive()).Key("language");
  if (data.user->default_language().empty()) {
    json.Null();
  } else {
    json.String(data.user->default_language());
  }
  json.Field("note", account.note()).Key("fields");
  WriteFields(json, account, false);
  json.Field("follow_requests_count", std::max<int64_t>(data.follow_requests, 0));
  json.Field("hide_collections", account.hide_collections());
  json.Field("discoverable", account.discoverable()).Field("indexable", account.indexable());
  json.Key("attribution_domains").Array().EndArray();
  json.Field("quote_policy", DefaultQuotePolicy(*data.user)).EndObject();
}

// Everybody's role: no special permission. Mastodon's id of it is -99.
void WriteRole(JsonWriter& json) {
  json.Key("role").Object().Field("id", "-99").Field("name", "").Field("permissions", "0");
  json.Field("color", "").Field("highlighted", false).Field("collection_limit", 0).EndObject();
}

}  // namespace

void AccountFetch::Want(AccountId account) {
  auto [at, added] = reads_.try_emplace(account);
  if (!added) return;
  at->second = {&fetch_.Want<AccountRecord>(AccountKey(account)),
                &fetch_.Want<store::Counters>(CountersKey(account))};
}

AccountData AccountFetch::Take(AccountId account) const {
  auto at = reads_.find(account);
  if (at == reads_.end() || !*at->second.account) return {};
  const store::Counters& counters = **at->second.counters;
  return {*at->second.account, counters[AccountCounter::kStatuses],
          counters[AccountCounter::kFollowers], counters[AccountCounter::kFollowing],
          counters[AccountCounter::kLastStatusMs]};
}

std::vector<AccountData> LoadAccounts(store::Records& records, std::span<const AccountId> ids) {
  store::RecordFetch fetch(records);
  AccountFetch accounts(fetch);
  for (AccountId id : ids) accounts.Want(id);
  fetch.Run();
  std::vector<AccountData> loaded;
  loaded.reserve(ids.size());
  for (AccountId id : ids) {
    if (AccountData data = accounts.Take(id)) loaded.push_back(std::move(data));
  }
  return loaded;
}

CredentialData LoadCredentials(store::Records& records, AccountId account) {
  store::RecordFetch fetch(records);
  AccountFetch accounts(fetch);
  accounts.Want(account);
  const auto& user = fetch.Want<UserRecord>(UserKey(account));
  const auto& counters = fetch.Want<store::Counters>(CountersKey(account));
  fetch.Run();
  return {accounts.Take(account), user, (*counters)[AccountCounter::kFollowRequests]};
}

void RenderAccount(JsonWriter& json, const AccountData& data, const Site& site,
                   store::DerivedTexts* texts) {
  json.Object();
  WriteAccountKeys(json, data, site, texts);
  json.EndObject();
}

void RenderCredentialAccount(JsonWriter& json, const CredentialData& data, const Site& site) {
  json.Object();
  WriteAccountKeys(json, data.account, site, nullptr);
  WriteSource(json, data);
  WriteRole(json);
  json.EndObject();
}

void RenderPreferences(JsonWriter& json, const CredentialData& data) {
  json.Object();
  json.Field("posting:default:visibility", DefaultVisibility(*data.account.account, *data.user));
  json.Field("posting:default:sensitive", data.user->default_sensitive());
  json.Key("posting:default:language");
  if (data.user->default_language().empty()) {
    json.Null();
  } else {
    json.String(data.user->default_language());
  }
  json.Field("posting:default:quote_policy", DefaultQuotePolicy(*data.user));
  // How clients show posts is not a choice kept here: Mastodon's defaults.
  json.Field("reading:expand:media", "default").Field("reading:expand:spoilers", false);
  json.Field("reading:autoplay:gifs", false).EndObject();
}

std::string_view DefaultQuotePolicy(const UserRecord& user) {
  return user.default_quote_policy().empty() ? "public"
                                             : std::string_view(user.default_quote_policy());
}

std::string AvatarUrl(const AccountRecord& account, const Site& site) {
  std::string_view blob = Suspended(account) ? std::string_view() : account.avatar();
  return PictureUrl(site, blob, "/media/default/avatar/", account.id());
}

std::string HeaderUrl(const AccountRecord& account, const Site& site) {
  std::string_view blob = Suspended(account) ? std::string_view() : account.header();
  return PictureUrl(site, blob, "/media/default/header/", account.id());
}

}  // namespace stampede::accounts
