#include "features/oauth/view.h"

namespace stampede::oauth {

void RenderApp(codec::JsonWriter& json, const AppRecord& app, const std::string& vapid_public_key,
               const std::string* client_secret) {
  json.Object().Field("id", AppId(app.id())).Field("name", app.name()).Key("website");
  if (app.website().empty()) {
    json.Null();
  } else {
    json.String(app.website());
  }
  json.Key("scopes").Array();
  for (std::string_view word : net::ScopeSet::FromBits(app.scopes()).Words()) json.String(word);
  json.EndArray().Key("redirect_uris").Array();
  std::string joined;
  for (const std::string& uri : app.redirect_uris()) {
    json.String(uri);
    joined += (joined.empty() ? "" : "\n") + uri;
  }
  json.EndArray().Field("vapid_key", vapid_public_key).Field("redirect_uri", joined);
  if (client_secret) {
    json.Field("client_id", app.client_id()).Field("client_secret", *client_secret);
    json.Field("client_secret_expires_at", 0);  // never
  }
  json.EndObject();
}

void RenderToken(codec::JsonWriter& json, const IssuedToken& token) {
  json.Object().Field("access_token", token.token).Field("token_type", "Bearer");
  json.Field("scope", token.scopes.ToString()).Field("created_at", token.created_ms / 1000);
  json.EndObject();
}

}  // namespace stampede::oauth
