#include "codec/html.h"
#include "codec/url.h"
#include "features/accounts/view.h"
#include "features/instance/page.h"
#include "features/oauth/authenticator.h"
#include "features/oauth/forms.h"
#include "features/oauth/policy.h"
#include "features/oauth/routes.h"
#include "features/oauth/visitor.h"

// The consent page: RFC 6749, section 4.1.1, with PKCE (RFC 7636).
namespace stampede::oauth {
namespace {

using codec::EscapeHtml;
using net::Method;
using net::Reply;
using net::Request;

constexpr std::string_view kPath = "/oauth/authorize";

// What an application asks for. It exists and the redirect address is one of its own: whatever else
// is wrong is told to the application at that address.
struct Asked {
  std::shared_ptr<const AppRecord> app;
  std::string redirect_uri;
  std::string state;
  std::string code_challenge;
  net::ScopeSet scopes;
  std::string problem;  // OAuth's word for what is wrong
};

std::string ParamText(const Request& request, std::string_view name) {
  return std::string(request.params[name].Text().value_or(""));
}

// Throws, for a page, when it is not safe to redirect anywhere.
Asked ReadAsked(const RouteDeps& deps, const Request& request) {
  Asked asked;
  asked.app = deps.oauth.FindApp(ParamText(request, "client_id"));
  if (!asked.app) {
    throw Error(ErrorCode::kBadRequest,
                "The application that sent you here is not known to this server. Try to add the "
                "server to it again.");
  }
  asked.redirect_uri = ParamText(request, "redirect_uri");
  const auto& known = asked.app->redirect_uris();
  // Exactly as registered: RFC 9700, section 4.1.3.
  if (std::find(known.begin(), known.end(), asked.redirect_uri) == known.end()) {
    throw Error(ErrorCode::kBadRequest,
                "The redirect address is not one that the application has registered.");
  }
  asked.state = ParamText(request, "state");
  asked.code_challenge = ParamText(request, "code_challenge");
  try {
    asked.scopes = deps.oauth.ScopesFor(*asked.app, request.params["scope"].Text());
  } catch (const Error& error) {
    asked.problem = error.oauth();
  }
  if (ParamText(request, "response_type") != "code") {
    asked.problem = "unsupported_response_type";
  } else if (!asked.code_challenge.empty() &&
             (ParamText(request, "code_challenge_method") != "S256" ||
              !IsChallenge(asked.code_challenge))) {
    asked.problem = "invalid_request";
  }
  return asked;
}

// The same question again, as the query of kPath.
std::string QueryOf(const Asked& asked) {
  std::string query;
  codec::AppendQueryPair(query, "response_type", "code");
  codec::AppendQueryPair(query, "client_id", asked.app->client_id());
  codec::AppendQueryPair(query, "redirect_uri", asked.redirect_uri);
  codec::AppendQueryPair(query, "scope", asked.scopes.ToString());
  if (!asked.state.empty()) codec::AppendQueryPair(query, "state", asked.state);
  if (!asked.code_challenge.empty()) {
    codec::AppendQueryPair(query, "code_challenge", asked.code_challenge);
    codec::AppendQueryPair(query, "code_challenge_method", "S256");
  }
  return query;
}

Reply RefuseTo(const Asked& asked, std::string_view word) {
  Error error = OAuthError(word);
  if (asked.redirect_uri == kOutOfBand) {
    throw Error(ErrorCode::kBadRequest, std::string(error.public_text()));
  }
  std::string url = codec::AddQuery(asked.redirect_uri,
                                    {{"error", word}, {"error_description", error.public_text()}});
  if (!asked.state.empty()) url = codec::AddQuery(url, {{"state", asked.state}});
  return Reply::Redirect(std::move(url));
}

std::string ConsentHtml(const RouteDeps& deps, const Asked& asked,
                        const accounts::AccountRecord& account, const std::string& csrf) {
  const AppRecord& app = *asked.app;
  std::string html =
      "<section class=\"card stack\"><h1>Let " + EscapeHtml(app.name()) +
      " use your account?</h1><div class=\"person\"><img class=\"avatar\" alt=\"\" src=\"" +
      EscapeHtml(accounts::AvatarUrl(account, deps.site)) + "\"><div><strong>" +
      EscapeHtml(account.display_name().empty() ? account.username() : account.display_name()) +
      "</strong><br><span class=\"muted\">@" + EscapeHtml(account.username()) + "@" +
      EscapeHtml(deps.site.domain) + "</span></div></div>";
  html += "<p>It asks for permission to:</p><ul class=\"scopes\">";
  for (const std::string& line : ScopesInWords(asked.scopes)) {
    html += "<li>" + EscapeHtml(line) + "</li>";
  }
  html += "</ul><dl class=\"facts\">";
  if (!app.website().empty()) {
    html += "<dt>Website</dt><dd>" + EscapeHtml(app.website()) + "</dd>";
  }
  html += "<dt>Then goes to</dt><dd>" +
          (asked.redirect_uri == kOutOfBand ? std::string("a page with a code to copy")
                                            : EscapeHtml(asked.redirect_uri)) +
          "</dd></dl><form method=\"post\" action=\"" + std::string(kPath) + "?" +
          EscapeHtml(QueryOf(asked)) + "\" class=\"row\">" + HiddenHtml(Visitor::kCsrfField, csrf) +
          "<button class=\"button\" name=\"decision\" value=\"approve\">Approve</button>"
          "<button class=\"button quiet\" name=\"decision\" value=\"deny\">Deny</button></form>"
          "<p class=\"muted\">Not you? <a href=\"" +
          std::string(kPath) + "?" + EscapeHtml(QueryOf(asked)) +
          "&amp;force_login=true\">Use another account</a></p></section>";
  return html;
}

Reply Ask(const RouteDeps& deps, const Request& request) {
  Asked asked = ReadAsked(deps, request);
  if (!asked.problem.empty()) return RefuseTo(asked, asked.problem);
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  auto account = visitor.account() ? deps.accounts.Get(visitor.account()) : nullptr;
  if (!account || request.params["force_login"].Bool().value_or(false)) {
    return visitor.Remember(
        SignInPage(deps.site, {.csrf = visitor.csrf(),
                               .return_to = std::string(kPath) + "?" + QueryOf(asked),
                               .app_name = asked.app->name()}));
  }
  RequireActive(deps.accounts.StandingOf(visitor.account()));
  instance::PageContent page;
  page.title = "Authorize " + asked.app->name();
  page.narrow = true;
  page.indexed = false;
  page.body_html = ConsentHtml(deps, asked, *account, visitor.csrf());
  return visitor.Remember(instance::PageReply(deps.site, page));
}

Reply Decide(const RouteDeps& deps, const Request& request) {
  Asked asked = ReadAsked(deps, request);
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  visitor.CheckForm(request);
  if (!asked.problem.empty()) return RefuseTo(asked, asked.problem);
  if (!visitor.account()) return Reply::Redirect(std::string(kPath) + "?" + QueryOf(asked));
  if (ParamText(request, "decision") != "approve") return RefuseTo(asked, "access_denied");
  RequireActive(deps.accounts.StandingOf(visitor.account()));
  std::string code = deps.oauth.IssueCode(*asked.app, {.account = visitor.account(),
                                                       .scopes = asked.scopes,
                                                       .redirect_uri = asked.redirect_uri,
                                                       .code_challenge = asked.code_challenge});
  if (asked.redirect_uri == kOutOfBand) {
    return Reply::Redirect(codec::AddQuery("/oauth/authorize/native", {{"code", code}}));
  }
  std::string url = codec::AddQuery(asked.redirect_uri, {{"code", code}});
  if (!asked.state.empty()) url = codec::AddQuery(url, {{"state", asked.state}});
  return Reply::Redirect(std::move(url));
}

Reply ShowCode(const RouteDeps& deps, const Request& request) {
  std::string code = ParamText(request, "code");
  if (!IsChallenge(code)) throw Error::NotFound();  // a code has the same form
  instance::PageContent page;
  page.title = "Authorization code";
  page.narrow = true;
  page.indexed = false;
  page.body_html =
      "<section class=\"card stack\"><h1>Copy this code</h1><p>Paste it into the application. It "
      "works once, within ten minutes.</p><code class=\"code\">" +
      EscapeHtml(code) + "</code></section>";
  return instance::PageReply(deps.site, page);
}

}  // namespace

void AddAuthorizeRoutes(net::RouteTable& table, const RouteDeps& deps) {
  using net::Auth;
  table.Add({.method = Method::kGet,
             .path = std::string(kPath),
             .auth = Auth::kNone,
             .handler = [deps](Request& request) { return Ask(deps, request); }});
  table.Add({.method = Method::kPost,
             .path = std::string(kPath),
             .auth = Auth::kNone,
             .handler = [deps](Request& request) { return Decide(deps, request); }});
  table.Add({.method = Method::kGet,
             .path = "/oauth/authorize/native",
             .auth = Auth::kNone,
             .handler = [deps](Request& request) { return ShowCode(deps, request); }});
}

}  // namespace stampede::oauth
