#include "features/instance/routes.h"

#include "codec/html.h"
#include "codec/iso_time.h"
#include "codec/json_writer.h"
#include "codec/language.h"
#include "codec/url.h"
#include "features/accounts/view.h"
#include "features/instance/page.h"
#include "features/instance/view.h"

namespace stampede::instance {
namespace {

using codec::JsonWriter;
using net::Method;
using net::Reply;
using net::Request;

// A public GET that is the same for everybody.
void AddSlow(net::RouteTable& table, std::string path, net::Handler handler,
             net::Caching caching = net::Caching::kSlow,
             net::RateClass rate = net::RateClass::kApi) {
  table.Add({.method = Method::kGet,
             .path = std::move(path),
             .auth = net::Auth::kNone,
             .rate = rate,
             .caching = caching,
             .handler = std::move(handler)});
}

net::Handler Fixed(std::string json) {
  return [json = std::move(json)](Request&) { return Reply::Json(json); };
}

Reply Typed(std::string body, std::string content_type) {
  Reply reply = Reply::Json(std::move(body));
  reply.content_type = std::move(content_type);
  return reply;
}

Reply ActivityReply(InstanceService& instance) {
  JsonWriter json;
  json.Array();
  for (const Week& week : instance.Activity()) {
    json.Object().Field("week", std::to_string(week.start_ms / 1000));
    json.Field("statuses", std::to_string(week.statuses));
    json.Field("logins", std::to_string(week.active));
    json.Field("registrations", std::to_string(week.sign_ups)).EndObject();
  }
  json.EndArray();
  return Reply::Json(json.TakeString());
}

std::string LanguagesJson() {
  JsonWriter json;
  json.Array();
  for (std::string_view code : codec::KnownLanguages()) {
    json.Object().Field("code", code).Field("name", codec::LanguageName(code)).EndObject();
  }
  json.EndArray();
  return json.TakeString();
}

// ExtendedDescription and PrivacyPolicy have the same shape. The texts come with the program, so
// they are as old as its oldest day.
std::string DocumentJson(const std::string& html) {
  constexpr int64_t kWrittenMs = 1'735'689'600'000;  // 2025-01-01
  JsonWriter json;
  json.Object().Field("updated_at", codec::IsoTime(kWrittenMs)).Field("content", html).EndObject();
  return json.TakeString();
}

void AddApi(net::RouteTable& table, InstanceService& instance, const Site& site) {
  AddSlow(table, "/api/v1/instance", [&](Request&) {
    JsonWriter json;
    RenderInstanceV1(json, site, instance.GetStats());
    return Reply::Json(json.TakeString());
  });
  AddSlow(table, "/api/v2/instance", [&](Request&) {
    JsonWriter json;
    RenderInstance(json, site, instance.GetStats(), instance.VapidPublicKey());
    return Reply::Json(json.TakeString());
  });
  AddSlow(table, "/api/v1/instance/rules", [&](Request&) {
    JsonWriter json;
    RenderRules(json, site);
    return Reply::Json(json.TakeString());
  });
  AddSlow(table, "/api/v1/instance/activity", [&](Request&) { return ActivityReply(instance); });
  AddSlow(table, "/api/v1/instance/languages",
          [](Request&) { return Reply::Json(LanguagesJson()); });
  AddSlow(table, "/api/v1/instance/privacy_policy", Fixed(DocumentJson(PrivacyPolicyHtml(site))));
  AddSlow(table, "/api/v1/instance/extended_description",
          Fixed(DocumentJson(ExtendedDescriptionHtml(site))));
  // Nothing of these exists: no other servers are known, none is blocked, nothing is translated.
  AddSlow(table, "/api/v1/instance/peers", Fixed("[]"));
  AddSlow(table, "/api/v1/instance/domain_blocks", Fixed("[]"));
  AddSlow(table, "/api/v1/instance/translation_languages", Fixed("{}"));
  AddSlow(table, "/api/v1/custom_emojis", Fixed("[]"));
}

std::string HostMeta(const Site& site) {
  // RFC 6415.
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n"
         "  <Link rel=\"lrdd\" template=\"" +
         codec::EscapeHtml(site.base_url) +
         "/.well-known/webfinger?resource={uri}\"/>\n"
         "</XRD>\n";
}

std::string NodeInfoLinks(const Site& site) {
  JsonWriter json;
  json.Object().Key("links").Array().Object();
  json.Field("rel", "http://nodeinfo.diaspora.software/ns/schema/2.0");
  json.Field("href", site.base_url + "/nodeinfo/2.0").EndObject().EndArray().EndObject();
  return json.TakeString();
}

// The name that a WebFinger resource means: acct:alice@host, alice@host or the profile's address.
// Empty for anything else.
std::string HandleOf(std::string_view resource, const Site& site) {
  if (resource.starts_with("acct:")) resource.remove_prefix(5);
  for (std::string_view prefix : {"/@", "/users/"}) {
    std::string start = site.base_url + std::string(prefix);
    if (!resource.starts_with(start)) continue;
    std::string_view name = resource.substr(start.size());
    return name.find_first_of("@/?#") == std::string_view::npos ? std::string(name) : "";
  }
  if (resource.starts_with('@')) resource.remove_prefix(1);
  size_t at = resource.find('@');
  if (at == std::string_view::npos || at == 0) return {};
  return std::string(resource);
}

// RFC 7033. The `self` link of ActivityPub comes with federation.
Reply WebFinger(const Request& request, accounts::AccountsService& accounts, const Site& site) {
  std::string handle = HandleOf(request.params.Required("resource"), site);
  std::optional<AccountId> id = handle.empty() ? std::nullopt : accounts.FindByName(handle);
  auto account = id ? accounts.Get(*id) : nullptr;
  if (!account || !account->domain().empty()) throw Error::NotFound();
  if (account->suspended_ms()) throw Error(ErrorCode::kGone, "Gone");
  std::string profile = accounts::ProfileUrl(*account, site);
  JsonWriter json;
  json.Object().Field("subject", "acct:" + account->username() + "@" + site.domain);
  json.Key("aliases").Array().String(profile).String(accounts::ActorUri(*account, site));
  json.EndArray().Key("links").Array().Object();
  json.Field("rel", "http://webfinger.net/rel/profile-page").Field("type", "text/html");
  json.Field("href", profile).EndObject().Object();
  json.Field("rel", "http://webfinger.net/rel/avatar");
  json.Field("href", accounts::AvatarUrl(*account, site)).EndObject().EndArray().EndObject();
  return Typed(json.TakeString(), "application/jrd+json; charset=utf-8");
}

void AddDiscovery(net::RouteTable& table, InstanceService& instance,
                  accounts::AccountsService& accounts, const Site& site) {
  AddSlow(table, "/.well-known/host-meta",
          [&](Request&) { return Typed(HostMeta(site), "application/xrd+xml; charset=utf-8"); });
  AddSlow(table, "/.well-known/nodeinfo", Fixed(NodeInfoLinks(site)));
  AddSlow(table, "/nodeinfo/2.0", [&](Request&) {
    JsonWriter json;
    RenderNodeInfo(json, site, instance.GetStats());
    return Typed(json.TakeString(),
                 "application/json; profile=\"http://nodeinfo.diaspora.software/ns/schema/2.0#\"");
  });
  AddSlow(table, "/.well-known/webfinger",
          [&](Request& request) { return WebFinger(request, accounts, site); });
}

std::string ManifestJson(const Site& site) {
  // https://www.w3.org/TR/appmanifest/
  JsonWriter json;
  json.Object().Field("id", "/").Field("name", site.title).Field("short_name", site.title);
  json.Field("description", site.description).Field("start_url", "/").Field("scope", "/");
  json.Field("display", "minimal-ui").Field("theme_color", "#0f766e");
  json.Field("background_color", "#f4f6f5").Key("icons").Array();
  for (std::string_view side : {"192", "512"}) {
    std::string text(side);
    json.Object().Field("src", "/media/default/icon/" + text + ".png");
    json.Field("sizes", text + "x" + text).Field("type", "image/png").EndObject();
  }
  json.EndArray().EndObject();
  return json.TakeString();
}

Reply AboutPage(const Site& site) {
  PageContent page;
  page.title = "About";
  page.description = site.description;
  page.url = site.base_url + "/about";
  page.body_html = "<section class=\"card stack\"><h1>" + codec::EscapeHtml(site.title) + "</h1>" +
                   ExtendedDescriptionHtml(site);
  if (!site.rules.empty()) {
    page.body_html += "<h2>Rules</h2><ol>";
    for (const std::string& rule : site.rules) {
      page.body_html += "<li>" + codec::EscapeHtml(rule) + "</li>";
    }
    page.body_html += "</ol>";
  }
  page.body_html += "<dl class=\"facts\"><dt>Server</dt><dd>" + codec::EscapeHtml(site.domain) +
                    "</dd><dt>Version</dt><dd>" + codec::EscapeHtml(site.version) + "</dd>";
  if (!site.contact_email.empty()) {
    page.body_html += "<dt>Contact</dt><dd>" + codec::EscapeHtml(site.contact_email) + "</dd>";
  }
  page.body_html += "<dt>Software</dt><dd>Stampede, Apache License 2.0</dd></dl></section>";
  return PageReply(site, page);
}

Reply PrivacyPage(const Site& site) {
  PageContent page;
  page.title = "Privacy";
  page.url = site.base_url + "/privacy-policy";
  page.body_html =
      "<section class=\"card stack\"><h1>Privacy</h1>" + PrivacyPolicyHtml(site) + "</section>";
  return PageReply(site, page);
}

void AddPages(net::RouteTable& table, const Site& site) {
  using net::Caching;
  using net::RateClass;
  auto file = [&](std::string path, std::string_view body, std::string type, Caching caching) {
    AddSlow(
        table, std::move(path),
        [body = std::string(body), type = std::move(type)](Request&) { return Typed(body, type); },
        caching, RateClass::kFree);
  };
  file(StylePath(), StyleSheet(), "text/css; charset=utf-8", Caching::kForever);
  file("/favicon.svg", LogoSvg(), "image/svg+xml", Caching::kSlow);
  file("/manifest", ManifestJson(site), "application/manifest+json", Caching::kSlow);
  // Profiles and posts say for themselves who may index them.
  file("/robots.txt", "User-agent: *\nDisallow: /api/\nDisallow: /auth/\nDisallow: /oauth/\n",
       "text/plain; charset=utf-8", Caching::kSlow);
  AddSlow(
      table, "/favicon.ico", [](Request&) { return Reply::Redirect("/favicon.svg"); },
      Caching::kSlow, RateClass::kFree);
  AddSlow(table, "/about", [&](Request&) { return AboutPage(site); });
  AddSlow(table, "/privacy-policy", [&](Request&) { return PrivacyPage(site); });
}

}  // namespace

void AddRoutes(net::RouteTable& table, InstanceService& instance,
               accounts::AccountsService& accounts, const Site& site) {
  AddApi(table, instance, site);
  AddDiscovery(table, instance, accounts, site);
  AddPages(table, site);
}

}  // namespace stampede::instance
