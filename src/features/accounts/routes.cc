#include "features/accounts/routes.h"

#include "base/limits.h"
#include "codec/json_writer.h"
#include "features/accounts/policy.h"
#include "features/accounts/view.h"
#include "features/oauth/view.h"
#include "obs/log.h"

namespace stampede::accounts {
namespace {

using codec::JsonWriter;
using net::Method;
using net::Params;
using net::Reply;
using net::Request;

constexpr size_t kAccountIdsMax = 40;

std::optional<std::string> TextOf(const Params& param) {
  auto text = param.Text();
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

Reply SignUp(const RouteDeps& deps, const Request& request) {
  const Params& params = request.params;
  NewUser user;
  user.username = TextOf(params["username"]).value_or("");
  user.email = TextOf(params["email"]).value_or("");
  user.password = TextOf(params["password"]).value_or("");
  user.agreement = params["agreement"].Bool().value_or(false);
  user.locale = TextOf(params["locale"]).value_or("");
  user.reason = TextOf(params["reason"]).value_or("");
  user.created_by_app = request.caller.app.value();
  GrantByRegistrations(deps.site.registrations, user);
  auto app = deps.oauth.GetApp(request.caller.app);
  if (!app) throw Error(ErrorCode::kUnauthorized, "The access token is invalid");
  AccountId account = deps.accounts.SignUp(user);
  JsonWriter json;
  oauth::RenderToken(json, deps.oauth.IssueToken(*app, account, request.caller.scopes));
  return Reply::Json(json.TakeString());
}

Reply Credentials(const RouteDeps& deps, AccountId account) {
  CredentialData data = LoadCredentials(deps.accounts.records(), account);
  if (!data.account || !data.user) throw Error::NotFound();
  JsonWriter json;
  RenderCredentialAccount(json, data, deps.site);
  return Reply::Json(json.TakeString());
}

Reply Preferences(const RouteDeps& deps, AccountId account) {
  CredentialData data = LoadCredentials(deps.accounts.records(), account);
  if (!data.account || !data.user) throw Error::NotFound();
  JsonWriter json;
  RenderPreferences(json, data);
  return Reply::Json(json.TakeString());
}

// Local accounts that nobody has let in yet do not exist for others.
bool Shown(AccountsService& accounts, const AccountRecord& account) {
  if (!account.domain().empty()) return true;
  Standing standing = accounts.StandingOf(AccountId(account.id()));
  return standing != Standing::kPending && standing != Standing::kUnconfirmed;
}

std::vector<AccountData> LoadShown(const RouteDeps& deps, std::span<const AccountId> ids) {
  std::vector<AccountData> accounts = LoadAccounts(deps.accounts.records(), ids);
  std::erase_if(accounts,
                [&](const AccountData& data) { return !Shown(deps.accounts, *data.account); });
  return accounts;
}

Reply ShowOne(const RouteDeps& deps, AccountId id) {
  std::vector<AccountData> found = LoadShown(deps, {&id, 1});
  if (found.empty()) throw Error::NotFound();
  JsonWriter json;
  RenderAccount(json, found.front(), deps.site);
  return Reply::Json(json.TakeString());
}

Reply Lookup(const RouteDeps& deps, const Request& request) {
  auto id = deps.accounts.FindByName(request.params.Required("acct"));
  if (!id) throw Error::NotFound();
  return ShowOne(deps, *id);
}

Reply ShowMany(const RouteDeps& deps, const Request& request) {
  std::vector<AccountId> ids = request.ParamIds<AccountId>("id");
  if (ids.size() > kAccountIdsMax) {
    throw Error::Invalid("at most " + std::to_string(kAccountIdsMax) + " accounts at a time");
  }
  JsonWriter json;
  json.Array();
  for (const AccountData& data : LoadShown(deps, ids)) RenderAccount(json, data, deps.site);
  json.EndArray();
  return Reply::Json(json.TakeString());
}

// `fields_attributes` as a list or as a map of indexes; both come from real clients.
ProfilePatch::Fields ReadFields(const Params& param) {
  ProfilePatch::Fields fields;
  for (const Params* field : param.Elements()) {
    fields.emplace_back(TextOf((*field)["name"]).value_or(""),
                        TextOf((*field)["value"]).value_or(""));
  }
  // Forms send empty rows behind the used ones.
  while (!fields.empty() && fields.back().first.empty() && fields.back().second.empty()) {
    fields.pop_back();
  }
  return fields;
}

ProfilePatch ReadPatch(const Params& params) {
  ProfilePatch patch;
  patch.display_name = TextOf(params["display_name"]);
  patch.note = TextOf(params["note"]);
  if (params.Has("fields_attributes")) patch.fields = ReadFields(params["fields_attributes"]);
  patch.locked = params["locked"].Bool();
  patch.bot = params["bot"].Bool();
  patch.discoverable = params["discoverable"].Bool();
  patch.indexable = params["indexable"].Bool();
  patch.hide_collections = params["hide_collections"].Bool();
  patch.avatar_description = TextOf(params["avatar_description"]);
  patch.header_description = TextOf(params["header_description"]);
  const Params& source = params["source"];
  if (!source["privacy"].blank()) patch.privacy = TextOf(source["privacy"]);
  patch.sensitive = source["sensitive"].Bool();
  if (source.Has("language")) patch.language = TextOf(source["language"]).value_or("");
  if (!source["quote_policy"].blank()) patch.quote_policy = TextOf(source["quote_policy"]);
  return patch;
}

void DeleteBlob(media::BlobStore& blobs, const std::string& name) {
  if (name.empty()) return;
  try {
    blobs.Delete(name);
  } catch (const std::exception& error) {  // the profile has changed all the same
    obs::Log(obs::LogLevel::kWarn, "picture not deleted", {{"what", error.what()}});
  }
}

// What follows from a changed profile.
void Finish(const RouteDeps& deps, AccountId account, const ProfileChange& change) {
  DeleteBlob(deps.blobs, change.old_avatar);
  DeleteBlob(deps.blobs, change.old_header);
  if (change.unlocked) deps.relationships.AuthorizeAllRequests(account);
}

// An uploaded picture becomes a blob; an empty text means the default picture; absent: no change.
std::optional<std::string> ReadPicture(const RouteDeps& deps, const Params& param,
                                       media::PictureKind kind) {
  if (param.absent()) return std::nullopt;
  if (param.blank()) return "";
  const net::Upload* upload = param.File();
  if (!upload) {
    throw Error::Invalid(std::string(media::WordFor(kind)) + " must be a file of a multipart form");
  }
  if (upload->bytes.empty() && upload->filename.empty()) return std::nullopt;  // an unused input
  media::Blob picture = deps.pictures.Make(kind, upload->bytes);
  return deps.blobs.Put(picture.bytes, picture.content_type);
}

Reply UpdateCredentials(const RouteDeps& deps, const Request& request) {
  ProfilePatch patch = ReadPatch(request.params);
  // Before the pictures, which are dear.
  if (auto problems = ProfileProblems(patch); !problems.empty()) ThrowProblems(std::move(problems));
  patch.avatar = ReadPicture(deps, request.params["avatar"], media::PictureKind::kAvatar);
  ProfileChange change;
  try {
    patch.header = ReadPicture(deps, request.params["header"], media::PictureKind::kHeader);
    change = deps.accounts.UpdateProfile(request.caller.account, patch);
  } catch (...) {
    DeleteBlob(deps.blobs, patch.avatar.value_or(""));
    DeleteBlob(deps.blobs, patch.header.value_or(""));
    throw;
  }
  Finish(deps, request.caller.account, change);
  return Credentials(deps, request.caller.account);
}

void AddProfileRoutes(net::RouteTable& table, const RouteDeps& deps) {
  using net::Auth;
  table.Add({.method = Method::kGet,
             .path = "/api/v1/accounts/verify_credentials",
             .auth = Auth::kUser,
             .scopes = "profile read:accounts",
             .handler = [deps](Request& r) { return Credentials(deps, r.caller.account); }});
  table.Add({.method = Method::kPatch,
             .path = "/api/v1/accounts/update_credentials",
             .auth = Auth::kUser,
             .scopes = "write:accounts",
             .handler = [deps](Request& r) { return UpdateCredentials(deps, r); },
             .body_bytes_max = limits::kUploadBytesMax});
  table.Add({.method = Method::kGet,
             .path = "/api/v1/preferences",
             .auth = Auth::kUser,
             .scopes = "read:accounts",
             .handler = [deps](Request& r) { return Preferences(deps, r.caller.account); }});
  for (auto [path, member] : {std::pair("/api/v1/profile/avatar", &ProfilePatch::avatar),
                              std::pair("/api/v1/profile/header", &ProfilePatch::header)}) {
    table.Add({.method = Method::kDelete,
               .path = path,
               .auth = Auth::kUser,
               .scopes = "write:accounts",
               .handler = [deps, member = member](Request& r) {
                 ProfilePatch patch;
                 patch.*member = "";
                 Finish(deps, r.caller.account,
                        deps.accounts.UpdateProfile(r.caller.account, patch));
                 return Credentials(deps, r.caller.account);
               }});
  }
}

}  // namespace

void AddRoutes(net::RouteTable& table, const RouteDeps& deps) {
  using net::Auth;
  using net::Caching;
  table.Add({.method = Method::kPost,
             .path = "/api/v1/accounts",
             .auth = Auth::kApp,
             .scopes = "write:accounts",
             .rate = net::RateClass::kSignUp,
             .handler = [deps](Request& r) { return SignUp(deps, r); }});
  table.Add({.method = Method::kGet,
             .path = "/api/v1/accounts",
             .auth = Auth::kOptional,
             .scopes = "read:accounts",
             .caching = Caching::kPublic,
             .handler = [deps](Request& r) { return ShowMany(deps, r); }});
  table.Add({.method = Method::kGet,
             .path = "/api/v1/accounts/lookup",
             .auth = Auth::kOptional,
             .scopes = "read:accounts",
             .caching = Caching::kPublic,
             .handler = [deps](Request& r) { return Lookup(deps, r); }});
  table.Add({.method = Method::kGet,
             .path = "/api/v1/accounts/:id",
             .auth = Auth::kOptional,
             .scopes = "read:accounts",
             .caching = Caching::kPublic,
             .handler = [deps](Request& r) { return ShowOne(deps, r.ArgId<AccountId>(0)); }});
  AddProfileRoutes(table, deps);
}

}  // namespace stampede::accounts
