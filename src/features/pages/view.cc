#include "features/pages/view.h"

#include <algorithm>

#include "codec/html.h"
#include "codec/iso_time.h"

namespace stampede::pages {
namespace {

using accounts::AccountData;
using codec::EscapeHtml;
using statuses::StatusData;

constexpr int kDepthMax = 4;  // deeper replies stay at this indentation: phones are narrow

// An address of this server without its origin; others as they are. Escaped for an attribute.
std::string Href(std::string_view url, const Site& site) {
  if (url.starts_with(site.base_url) && url.substr(site.base_url.size()).starts_with('/')) {
    url.remove_prefix(site.base_url.size());
  }
  return EscapeHtml(url);
}

std::string ProfileHref(const AccountData& account, const Site& site) {
  return Href(accounts::ProfileUrl(*account.account, site), site);
}

std::string PostHref(const StatusData& data, const Site& site) {
  return ProfileHref(data.author, site) + "/" + data.id().ToString();
}

// The author's picture, name and handle, as one link.
std::string PostHead(const AccountData& author, const Site& site) {
  return "<a class=\"post-head\" href=\"" + ProfileHref(author, site) +
         "\"><img class=\"avatar\" src=\"" +
         Href(accounts::AvatarUrl(*author.account, site), site) +
         "\" alt=\"\" width=\"48\" height=\"48\" loading=\"lazy\"><span><strong dir=\"auto\">" +
         EscapeHtml(NameOf(author)) + "</strong><br><span class=\"muted\">@" +
         EscapeHtml(accounts::Acct(*author.account)) + "</span></span></a>";
}

// The text, folded behind its content warning if it has one.
std::string PostBody(const StatusData& data) {
  const statuses::StatusRecord& status = *data.status;
  std::string lang;
  if (!status.language().empty()) lang = " lang=\"" + EscapeHtml(status.language()) + "\"";
  std::string text =
      "<div class=\"post-body\" dir=\"auto\"" + lang + ">" + status.content() + "</div>";
  if (status.spoiler_text().empty()) return text;
  return "<details class=\"warned\"><summary dir=\"auto\"" + lang + ">" +
         EscapeHtml(status.spoiler_text()) + "</summary>" + text + "</details>";
}

void AppendCount(std::string& html, int64_t count, std::string_view one, std::string_view many) {
  if (count <= 0) return;
  html += "<span>" + GroupedNumber(count) + " ";
  html.append(count == 1 ? one : many).append("</span>");
}

std::string PostFoot(const StatusData& data, const Site& site, int64_t now_ms, PostStyle style) {
  int64_t created = data.status->created_ms();
  bool focused = style == PostStyle::kFocused;
  std::string html = "<footer class=\"post-foot\"><a href=\"" + PostHref(data, site) +
                     "\"><time datetime=\"" + codec::IsoTime(created) + "\" title=\"" +
                     FullTime(created) + "\">" +
                     (focused ? FullTime(created) : RelativeTime(created, now_ms)) + "</time></a>";
  if (focused && !data.status->app_name().empty()) {
    html += "<span>with " + EscapeHtml(data.status->app_name()) + "</span>";
  }
  AppendCount(html, data.replies, "reply", "replies");
  AppendCount(html, data.reblogs, "boost", "boosts");
  AppendCount(html, data.favourites, "favourite", "favourites");
  return html + "</footer>";
}

// What a post answers to: known by the mention of whom it answers.
std::string ReplyLine(const StatusData& data, const Site& site) {
  const statuses::StatusRecord& status = *data.status;
  if (!status.in_reply_to_id()) return {};
  std::string what = "In reply to a post";
  if (status.in_reply_to_account() == status.author()) what = "Continues a thread";
  for (const statuses::Mention& mention : status.mentions()) {
    if (mention.account() != status.in_reply_to_account()) continue;
    what = "In reply to @" + EscapeHtml(mention.username());
  }
  return "<p class=\"post-why\"><a href=\"" + PostHref(data, site) + "\">↩ " + what + "</a></p>";
}

std::string BoostLine(const StatusData& boost, const Site& site) {
  return "<p class=\"post-why\">↻ <a href=\"" + ProfileHref(boost.author, site) + "\"><bdi>" +
         EscapeHtml(NameOf(boost.author)) + "</bdi></a> boosted</p>";
}

}  // namespace

std::string RenderPost(const StatusData& data, const Site& site, int64_t now_ms, PostStyle style,
                       int depth) {
  const StatusData& shown = data.reblog ? *data.reblog : data;
  std::string html = "<article class=\"card post";
  if (style == PostStyle::kFocused) html += " focused";
  if (depth > 1) html += " depth-" + std::to_string(std::min(depth, kDepthMax));
  html += "\">";
  if (data.reblog)
    html += BoostLine(data, site);
  else if (style == PostStyle::kListed)
    html += ReplyLine(data, site);
  return html + PostHead(shown.author, site) + PostBody(shown) +
         PostFoot(shown, site, now_ms, style) + "</article>";
}

std::string RenderPosts(std::span<const StatusData> posts, const Site& site, int64_t now_ms) {
  if (posts.empty()) return "<p class=\"card muted\">Nothing here yet.</p>";
  std::string html;
  for (const StatusData& post : posts) html += RenderPost(post, site, now_ms, PostStyle::kListed);
  return html;
}

std::string RenderPaging(std::string_view path, bool is_newest, uint64_t oldest) {
  if (is_newest && !oldest) return {};
  std::string href = EscapeHtml(path), html = "<nav class=\"row paging\" aria-label=\"Pages\">";
  if (!is_newest) html += "<a class=\"button quiet\" href=\"" + href + "\">← Newest</a>";
  if (oldest) {
    html += "<a class=\"button quiet\" rel=\"next\" href=\"" + href +
            "?max_id=" + std::to_string(oldest) + "\">Older →</a>";
  }
  return html + "</nav>";
}

namespace {

std::string Fields(const accounts::AccountRecord& account) {
  if (account.fields().empty()) return {};
  std::string html = "<dl class=\"facts\">";
  for (const accounts::ProfileField& field : account.fields()) {
    html += "<dt dir=\"auto\">" + EscapeHtml(field.name()) + "</dt><dd dir=\"auto\">";
    if (field.verified_ms()) html += "<span title=\"Verified\">✓ </span>";
    html += field.value_html() + "</dd>";
  }
  return html + "</dl>";
}

std::string Counts(std::initializer_list<std::pair<int64_t, std::string_view>> counts) {
  std::string html = "<ul class=\"counts\">";
  for (auto [count, what] : counts) {
    html += "<li><strong>" + GroupedNumber(count) + "</strong> ";
    html.append(what).append("</li>");
  }
  return html + "</ul>";
}

std::string Tabs(const std::string& profile, ProfileTab current) {
  auto tab = [&](ProfileTab which, const std::string& href, const char* name) {
    return "<a href=\"" + href + "\"" + (which == current ? " aria-current=\"page\"" : "") + ">" +
           name + "</a>";
  };
  return "<nav class=\"tabs\" aria-label=\"Posts of this profile\">" +
         tab(ProfileTab::kPosts, profile, "Posts") +
         tab(ProfileTab::kWithReplies, profile + "/with_replies", "Posts and replies") + "</nav>";
}

// The apps whose makers name this kind of server as theirs; more on https://joinmastodon.org/apps.
std::string AppList() {
  struct App {
    std::string_view name, url, where;
  };
  static constexpr App kApps[] = {
      {"Mastodon", "https://joinmastodon.org/apps", "Android, iPhone"},
      {"Tusky", "https://tusky.app", "Android"},
      {"Fedilab", "https://fedilab.app", "Android"},
      {"Ivory", "https://tapbots.com/ivory/", "iPhone, iPad, Mac"},
      {"Ice Cubes", "https://github.com/Dimillian/IceCubesApp", "iPhone, iPad, Mac"},
      {"Phanpy", "https://phanpy.social", "in the browser"},
      {"Elk", "https://elk.zone", "in the browser"},
      {"Semaphore", "https://semaphore.social", "in the browser"},
      {"Tuba", "https://tuba.geopjr.dev", "Linux"},
      {"toot", "https://toot.bezdomni.net", "terminal"},
  };
  std::string html = "<ul class=\"apps\">";
  for (const App& app : kApps) {
    html.append("<li><a href=\"").append(app.url).append("\" rel=\"noopener nofollow\">");
    html.append(app.name).append("</a> <span class=\"muted\">").append(app.where);
    html += "</span></li>";
  }
  return html + "</ul>";
}

std::string_view HowToJoin(Registrations registrations) {
  switch (registrations) {
    case Registrations::kOpen:
      return "New here? Everybody may join: choose “Create account” in the app.";
    case Registrations::kApproval:
      return "New here? Choose “Create account” in the app; somebody who runs this server looks at "
             "each request.";
    case Registrations::kClosed:
      return "New accounts are by invitation: ask somebody who runs this server.";
  }
  return {};
}

// What is typed into an app: apps assume https, so anything else must be spelled out.
std::string AddressForApps(const Site& site) {
  constexpr std::string_view kHttps = "https://";
  return site.base_url.starts_with(kHttps) ? site.base_url.substr(kHttps.size()) : site.base_url;
}

std::string ConnectCard(const Site& site) {
  std::string html =
      "<section class=\"card stack\" id=\"connect\"><h2>Connect an app</h2>"
      "<p>This server speaks Mastodon’s language, so the app you may already have works here. "
      "Open it, choose your own server, and enter this address:</p><p class=\"code\">";
  html += EscapeHtml(AddressForApps(site)) + "</p><p>";
  html.append(HowToJoin(site.registrations)).append("</p>");
  return html + "<details><summary>Apps to choose from</summary>" + AppList() +
         "</details></section>";
}

}  // namespace

std::string RenderProfile(const AccountData& data, const Site& site, ProfileTab tab) {
  const accounts::AccountRecord& account = *data.account;
  std::string html = "<section class=\"card profile\"><img class=\"banner\" src=\"" +
                     Href(accounts::HeaderUrl(account, site), site) + "\" alt=\"" +
                     EscapeHtml(account.header_description()) +
                     "\"><div class=\"inner\"><img class=\"avatar\" src=\"" +
                     Href(accounts::AvatarUrl(account, site), site) + "\" alt=\"" +
                     EscapeHtml(account.avatar_description()) +
                     "\" width=\"88\" height=\"88\"><div><h1 dir=\"auto\">" +
                     EscapeHtml(NameOf(data)) + "</h1><p class=\"muted handle\">" +
                     EscapeHtml(FullHandle(data, site)) + "</p></div>";
  if (account.bot() || account.locked()) {
    html += "<p class=\"row\">";
    if (account.bot()) html += "<span class=\"badge\">Automated</span>";
    if (account.locked()) html += "<span class=\"badge\">Approves followers</span>";
    html += "</p>";
  }
  if (!account.note_html().empty()) {
    html += "<div class=\"post-body\" dir=\"auto\">" + account.note_html() + "</div>";
  }
  html +=
      Fields(account) + Counts({{data.statuses, data.statuses == 1 ? "post" : "posts"},
                                {data.following, "following"},
                                {data.followers, data.followers == 1 ? "follower" : "followers"}});
  return html + "<p class=\"muted\">Here since " + ShortDate(account.created_ms()) +
         "</p></div></section>" + Tabs(ProfileHref(data, site), tab);
}

std::string RenderWelcome(const Site& site, const instance::Stats& stats) {
  std::string html = "<section class=\"card stack welcome\"><h1>" + EscapeHtml(site.title) +
                     "</h1><p class=\"lead\">";
  html += site.description.empty()
              ? "A place to talk to each other, without advertisements and without an algorithm "
                "between you and those you follow."
              : EscapeHtml(site.description);
  html += "</p>" + Counts({{stats.users, stats.users == 1 ? "person" : "people"},
                           {stats.active_month, "active this month"},
                           {stats.statuses, stats.statuses == 1 ? "post" : "posts"}});
  html +=
      "<p class=\"row\"><a class=\"button\" href=\"#connect\">Join in</a>"
      "<a class=\"button quiet\" href=\"#posts\">Look around</a></p></section>";
  return html + ConnectCard(site);
}

}  // namespace stampede::pages
