#include "features/oauth/routes.h"

#include "codec/base64.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "features/accounts/view.h"
#include "features/oauth/view.h"

namespace stampede::oauth {
namespace {

using codec::JsonWriter;
using net::Method;
using net::Reply;
using net::Request;

// One address a line, or a list of them.
std::vector<std::string> RedirectUris(const net::Params& param) {
  std::vector<std::string> uris;
  for (std::string_view text : param.Texts()) {
    while (!text.empty()) {
      size_t end = text.find_first_of("\r\n \t");
      if (end != 0) uris.emplace_back(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  return uris;
}

Reply CreateApp(const RouteDeps& deps, const Request& request) {
  NewApp app;
  app.name = request.params["client_name"].Text().value_or("");
  app.website = codec::Trim(request.params["website"].Text().value_or(""));
  app.redirect_uris = RedirectUris(request.params["redirect_uris"]);
  // Scopes in a list count as none, as in the reference server.
  if (const net::Params& scopes = request.params["scopes"]; scopes.Text() && !scopes.blank()) {
    app.scopes = std::string(*scopes.Text());
  }
  CreatedApp created = deps.oauth.CreateApp(app);
  JsonWriter json;
  RenderApp(json, created.app, deps.instance.VapidPublicKey(), &created.client_secret);
  return Reply::Json(json.TakeString());
}

Reply VerifyApp(const RouteDeps& deps, const Request& request) {
  auto app = deps.oauth.GetApp(request.caller.app);
  if (!app) throw Error::NotFound();
  JsonWriter json;
  RenderApp(json, *app, deps.instance.VapidPublicKey());
  return Reply::Json(json.TakeString());
}

struct ClientCredentials {
  std::string id, secret;
};

// RFC 6749, section 2.3.1: HTTP Basic, with both parts form-encoded, or parameters of the body.
ClientCredentials ReadClient(const Request& request) {
  std::string_view header = request.Header("authorization");
  if (header.size() > 6 && codec::Lowercase(header.substr(0, 6)) == "basic ") {
    std::string text = codec::Base64Decode(codec::Trim(header.substr(6))).value_or("");
    size_t colon = text.find(':');
    if (colon == std::string::npos) return {};
    return {codec::PercentDecode(std::string_view(text).substr(0, colon), true),
            codec::PercentDecode(std::string_view(text).substr(colon + 1), true)};
  }
  return {std::string(request.params["client_id"].Text().value_or("")),
          std::string(request.params["client_secret"].Text().value_or(""))};
}

Reply Token(const RouteDeps& deps, const Request& request) {
  std::string_view grant = request.params["grant_type"].Text().value_or("");
  if (grant.empty()) throw OAuthError("invalid_request");
  if (grant != "authorization_code" && grant != "client_credentials") {
    throw OAuthError("unsupported_grant_type");
  }
  ClientCredentials client = ReadClient(request);
  auto app = deps.oauth.AuthenticateApp(client.id, client.secret);
  IssuedToken token;
  if (grant == "client_credentials") {
    net::ScopeSet scopes = deps.oauth.ScopesFor(*app, request.params["scope"].Text());
    token = deps.oauth.IssueToken(*app, AccountId(), scopes);
  } else {
    std::string_view code = request.params["code"].Text().value_or("");
    if (code.empty()) throw OAuthError("invalid_request");
    token = deps.oauth.ExchangeCode(*app, code, request.params["redirect_uri"].Text().value_or(""),
                                    request.params["code_verifier"].Text().value_or(""));
  }
  JsonWriter json;
  RenderToken(json, token);
  return Reply::Json(json.TakeString());
}

// RFC 7009. A token that does not exist is as good as revoked.
Reply Revoke(const RouteDeps& deps, const Request& request) {
  ClientCredentials client = ReadClient(request);
  std::shared_ptr<const AppRecord> app;
  try {
    app = deps.oauth.AuthenticateApp(client.id, client.secret);
  } catch (const Error&) {
    // Answered as the reference server does: like the token of somebody else.
  }
  deps.oauth.Revoke(app.get(), request.params["token"].Text().value_or(""));
  return Reply::Empty();
}

// https://docs.joinmastodon.org/methods/oauth/#userinfo
Reply UserInfo(const RouteDeps& deps, const Request& request) {
  auto account = deps.accounts.Get(request.caller.account);
  if (!account) throw Error::NotFound();
  JsonWriter json;
  json.Object().Field("iss", deps.site.base_url + "/");
  json.Field("sub", accounts::ActorUri(*account, deps.site));
  json.Field("name", account->display_name());
  json.Field("preferred_username", account->username());
  json.Field("profile", accounts::ProfileUrl(*account, deps.site));
  json.Field("picture", accounts::AvatarUrl(*account, deps.site)).EndObject();
  return Reply::Json(json.TakeString());
}

void WriteTexts(JsonWriter& json, std::string_view key, std::vector<std::string_view> texts) {
  json.Key(key).Array();
  for (std::string_view text : texts) json.String(text);
  json.EndArray();
}

// RFC 8414.
std::string DiscoveryJson(const Site& site) {
  const std::string& base = site.base_url;
  JsonWriter json;
  json.Object().Field("issuer", base + "/");
  json.Field("authorization_endpoint", base + "/oauth/authorize");
  json.Field("token_endpoint", base + "/oauth/token");
  json.Field("revocation_endpoint", base + "/oauth/revoke");
  json.Field("userinfo_endpoint", base + "/oauth/userinfo");
  WriteTexts(json, "scopes_supported", net::AllScopes());
  WriteTexts(json, "response_types_supported", {"code"});
  WriteTexts(json, "response_modes_supported", {"query"});
  WriteTexts(json, "grant_types_supported", {"authorization_code", "client_credentials"});
  WriteTexts(json, "token_endpoint_auth_methods_supported",
             {"client_secret_basic", "client_secret_post"});
  WriteTexts(json, "code_challenge_methods_supported", {"S256"});
  json.Field("service_documentation", "https://docs.joinmastodon.org/");
  json.Field("app_registration_endpoint", base + "/api/v1/apps").EndObject();
  return json.TakeString();
}

}  // namespace

void AddMachineRoutes(net::RouteTable& table, const RouteDeps& deps) {
  using net::Auth;
  using net::RateClass;
  table.Add({.method = Method::kPost,
             .path = "/api/v1/apps",
             .auth = Auth::kNone,
             .rate = RateClass::kNewApp,
             .handler = [deps](Request& request) { return CreateApp(deps, request); }});
  table.Add({.method = Method::kGet,
             .path = "/api/v1/apps/verify_credentials",
             .auth = Auth::kApp,
             .handler = [deps](Request& request) { return VerifyApp(deps, request); }});
  table.Add({.method = Method::kPost,
             .path = "/oauth/token",
             .auth = Auth::kNone,
             .handler = [deps](Request& request) { return Token(deps, request); }});
  table.Add({.method = Method::kPost,
             .path = "/oauth/revoke",
             .auth = Auth::kNone,
             .handler = [deps](Request& request) { return Revoke(deps, request); }});
  for (Method method : {Method::kGet, Method::kPost}) {
    table.Add({.method = method,
               .path = "/oauth/userinfo",
               .auth = Auth::kUser,
               .scopes = "profile",
               .handler = [deps](Request& request) { return UserInfo(deps, request); }});
  }
  table.Add({.method = Method::kGet,
             .path = "/.well-known/oauth-authorization-server",
             .auth = Auth::kNone,
             .caching = net::Caching::kSlow,
             .handler = [json = DiscoveryJson(deps.site)](Request&) { return Reply::Json(json); }});
}

void AddRoutes(net::RouteTable& table, const RouteDeps& deps) {
  AddMachineRoutes(table, deps);
  AddAuthorizeRoutes(table, deps);
  AddSignInRoutes(table, deps);
}

}  // namespace stampede::oauth
