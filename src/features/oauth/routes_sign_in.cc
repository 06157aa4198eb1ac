#include "codec/html.h"
#include "codec/utf8.h"
#include "features/accounts/policy.h"
#include "features/instance/page.h"
#include "features/oauth/authenticator.h"
#include "features/oauth/forms.h"
#include "features/oauth/routes.h"
#include "features/oauth/visitor.h"

// Sign-in, sign-out and sign-up for people.
namespace stampede::oauth {
namespace {

using codec::EscapeHtml;
using net::Method;
using net::Reply;
using net::Request;

constexpr net::RateLimiter::Rule kPerLogin = {"login_name", 25, 3600};
constexpr size_t kReturnToBytesMax = 6 * 1024;

std::string ParamText(const Request& request, std::string_view name) {
  return std::string(request.params[name].Text().value_or(""));
}

// A path of ours, or "/": never another site's address, however browsers read it.
std::string SafeReturnTo(std::string path) {
  bool ours = path.starts_with('/') && !path.starts_with("//") &&
              path.size() <= kReturnToBytesMax &&
              std::all_of(path.begin(), path.end(),
                          [](unsigned char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  return ours ? path : "/";
}

Reply Page(const Site& site, std::string title, std::string body_html, int status = 200) {
  instance::PageContent page;
  page.title = std::move(title);
  page.narrow = true;
  page.indexed = false;
  page.body_html = std::move(body_html);
  return instance::PageReply(site, page, status);
}

Reply ShowSignIn(const RouteDeps& deps, const Request& request) {
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  return visitor.Remember(SignInPage(
      deps.site,
      {.csrf = visitor.csrf(), .return_to = SafeReturnTo(ParamText(request, "return_to"))}));
}

void LimitLogin(const RouteDeps& deps, const std::string& login) {
  if (!deps.limiter) return;
  if (!deps.limiter->Use(kPerLogin, codec::Lowercase(codec::Trim(login))).allowed) {
    throw Error(ErrorCode::kTooManyRequests, "Too many attempts. Try again in an hour.");
  }
}

Reply SignIn(const RouteDeps& deps, const Request& request) {
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  visitor.CheckForm(request);
  SignInForm form{.csrf = visitor.csrf(),
                  .return_to = SafeReturnTo(ParamText(request, "return_to")),
                  .login = ParamText(request, "login"),
                  .app_name = ParamText(request, "app_name")};
  LimitLogin(deps, form.login);
  auto account = deps.accounts.VerifyPassword(form.login, ParamText(request, "password"));
  if (!account) {
    form.problem = "That is not the right user name, e-mail address or password.";
  } else {
    try {
      RequireActive(deps.accounts.StandingOf(*account));
    } catch (const Error& error) {
      form.problem = error.public_text() + ".";
    }
  }
  if (!form.problem.empty()) {
    Reply reply = SignInPage(deps.site, form);
    reply.status = 422;
    return visitor.Remember(std::move(reply));
  }
  visitor.SignIn(*account);
  return visitor.Remember(Reply::Redirect(form.return_to, 303));
}

Reply ShowSignOut(const RouteDeps& deps, const Request& request) {
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  auto account = visitor.account() ? deps.accounts.Get(visitor.account()) : nullptr;
  std::string html = "<section class=\"card stack\"><h1>Sign out</h1>";
  if (account) {
    html += "<p>You are signed in as @" + EscapeHtml(account->username()) +
            " in this browser. Applications that you let in stay signed in.</p>"
            "<form method=\"post\" action=\"/auth/sign_out\" class=\"row\">" +
            HiddenHtml(Visitor::kCsrfField, visitor.csrf()) +
            "<button class=\"button\">Sign out</button></form></section>";
  } else {
    html += "<p>Nobody is signed in in this browser.</p></section>";
  }
  return visitor.Remember(Page(deps.site, "Sign out", std::move(html)));
}

Reply SignOut(const RouteDeps& deps, const Request& request) {
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  visitor.CheckForm(request);
  visitor.SignOut();
  return visitor.Remember(Reply::Redirect("/", 303));
}

std::string SignUpHtml(const RouteDeps& deps, const Visitor& visitor, const Request& request,
                       std::string_view problem) {
  bool approval = deps.site.registrations == Registrations::kApproval;
  std::string html = "<section class=\"card stack\"><h1>Join " + EscapeHtml(deps.site.title) +
                     "</h1>" + ProblemHtml(problem) +
                     "<form method=\"post\" action=\"/auth/sign_up\" class=\"stack\">" +
                     HiddenHtml(Visitor::kCsrfField, visitor.csrf());
  std::string username = ParamText(request, "username"), email = ParamText(request, "email");
  std::string reason = ParamText(request, "reason");
  std::string hint = "You will be @name@" + deps.site.domain + ". Letters, numbers and _.";
  html += InputHtml({.name = "username",
                     .label = "User name",
                     .autocomplete = "username",
                     .value = username,
                     .hint = hint});
  html += InputHtml({.name = "email",
                     .label = "E-mail address",
                     .type = "email",
                     .autocomplete = "email",
                     .value = email});
  html += InputHtml({.name = "password",
                     .label = "Password",
                     .type = "password",
                     .autocomplete = "new-password",
                     .hint = "At least 8 characters."});
  if (approval) {
    html += InputHtml({.name = "reason",
                       .label = "Why do you want to join?",
                       .type = "textarea",
                       .value = reason,
                       .hint = "The operators read this before they let you in.",
                       .required = false});
  }
  html +=
      "<label class=\"check\"><input type=\"checkbox\" name=\"agreement\" value=\"true\" required>"
      "<span>I have read the <a href=\"/about\">rules</a> and the <a href=\"/privacy-policy\">"
      "privacy policy</a> and agree to them.</span></label>"
      "<button class=\"button\">Sign up</button></form>"
      "<p class=\"muted\">Already here? <a href=\"/auth/sign_in\">Sign in</a></p></section>";
  return html;
}

Reply ClosedPage(const Site& site) {
  return Page(site, "Registrations are closed",
              "<section class=\"card stack\"><h1>Registrations are closed</h1><p>" +
                  EscapeHtml(site.domain) + " takes no new members at the moment.</p></section>",
              403);
}

Reply ShowSignUp(const RouteDeps& deps, const Request& request) {
  if (deps.site.registrations == Registrations::kClosed) return ClosedPage(deps.site);
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  return visitor.Remember(Page(deps.site, "Sign up", SignUpHtml(deps, visitor, request, {})));
}

Reply SignUp(const RouteDeps& deps, const Request& request) {
  if (deps.site.registrations == Registrations::kClosed) return ClosedPage(deps.site);
  Visitor visitor(request, deps.oauth, deps.random, deps.site);
  visitor.CheckForm(request);
  accounts::NewUser user;
  user.username = ParamText(request, "username");
  user.email = ParamText(request, "email");
  user.password = ParamText(request, "password");
  user.reason = ParamText(request, "reason");
  user.agreement = request.params["agreement"].Bool().value_or(false);
  accounts::GrantByRegistrations(deps.site.registrations, user);
  AccountId account;
  try {
    account = deps.accounts.SignUp(user);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalid) throw;
    return visitor.Remember(
        Page(deps.site, "Sign up", SignUpHtml(deps, visitor, request, error.public_text()), 422));
  }
  if (!user.approved) {
    return visitor.Remember(Page(
        deps.site, "Almost there",
        "<section class=\"card stack\"><h1>Almost there</h1><p>Your request has been sent. You "
        "can sign in as soon as the operators have approved it.</p></section>"));
  }
  visitor.SignIn(account);
  return visitor.Remember(Reply::Redirect("/", 303));
}

}  // namespace

Reply SignInPage(const Site& site, const SignInForm& form) {
  std::string html = "<section class=\"card stack\"><h1>Sign in</h1>";
  if (!form.app_name.empty()) {
    html += "<p>to continue to <strong>" + EscapeHtml(form.app_name) + "</strong></p>";
  }
  html += ProblemHtml(form.problem) +
          "<form method=\"post\" action=\"/auth/sign_in\" class=\"stack\">" +
          HiddenHtml(Visitor::kCsrfField, form.csrf) + HiddenHtml("return_to", form.return_to) +
          HiddenHtml("app_name", form.app_name) +
          InputHtml({.name = "login",
                     .label = "User name or e-mail address",
                     .autocomplete = "username",
                     .value = form.login}) +
          InputHtml({.name = "password",
                     .label = "Password",
                     .type = "password",
                     .autocomplete = "current-password"}) +
          "<button class=\"button\">Sign in</button></form>";
  if (site.registrations != Registrations::kClosed) {
    html += "<p class=\"muted\">New here? <a href=\"/auth/sign_up\">Sign up</a></p>";
  }
  return Page(site, "Sign in", html + "</section>");
}

void AddSignInRoutes(net::RouteTable& table, const RouteDeps& deps) {
  struct Row {
    std::string_view path;
    Reply (*show)(const RouteDeps&, const Request&);
    Reply (*act)(const RouteDeps&, const Request&);
  };
  for (Row row :
       {Row{"/auth/sign_in", ShowSignIn, SignIn}, Row{"/auth/sign_out", ShowSignOut, SignOut},
        Row{"/auth/sign_up", ShowSignUp, SignUp}}) {
    table.Add({.method = Method::kGet,
               .path = std::string(row.path),
               .auth = net::Auth::kNone,
               .handler = [deps, row](Request& request) { return row.show(deps, request); }});
    table.Add({.method = Method::kPost,
               .path = std::string(row.path),
               .auth = net::Auth::kNone,
               .rate = net::RateClass::kLogin,
               .handler = [deps, row](Request& request) { return row.act(deps, request); }});
  }
}

}  // namespace stampede::oauth
