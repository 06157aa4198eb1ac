#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "codec/text.h"
#include "codec/url.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

constexpr size_t kLinkCharsShown = 30;

// Writes the HTML of one text. Clients hide the invisible spans and style the classes, so the
// markup is Mastodon's to the letter: docs.joinmastodon.org/spec/activitypub (HTML sanitization).
class Formatter {
 public:
  struct Style {
    bool paragraphs;    // else one line
    bool full_handles;  // of remote accounts
    std::string_view link_rel;
  };

  Formatter(const FormatContext& context, const Style& style) : context_(context), style_(style) {}

  std::string Format(std::string_view text);

 private:
  void Resolve(const std::vector<Entity>& entities);
  void Text(std::string_view text);
  void Breaks();
  void Link(std::string_view url);
  void Mention(const MentionTarget& target);
  void Hashtag(std::string_view tag);

  const FormatContext& context_;
  const Style style_;
  std::string html_;
  size_t newlines_ = 0;                        // since the last visible character
  std::vector<const MentionTarget*> targets_;  // of each entity; null for what is no mention
  std::set<std::string> shared_usernames_;     // lower case; of mentioned accounts of two domains
};

std::string Formatter::Format(std::string_view text) {
  if (Trim(text).empty()) return {};
  std::vector<Entity> entities = FindEntities(text);
  Resolve(entities);
  html_.reserve(text.size() + 256 * entities.size() + 16);
  size_t done = 0;
  for (size_t i = 0; i < entities.size(); ++i) {
    const Entity& entity = entities[i];
    if (entity.kind == Entity::kMention && targets_[i] == nullptr) continue;
    Text(text.substr(done, entity.begin - done));
    Breaks();
    switch (entity.kind) {
      case Entity::kUrl:
        Link(entity.text);
        break;
      case Entity::kMention:
        Mention(*targets_[i]);
        break;
      case Entity::kHashtag:
        Hashtag(entity.text);
        break;
    }
    done = entity.end;
  }
  Text(text.substr(done));
  if (style_.paragraphs) html_ += "</p>";
  return std::move(html_);
}

void Formatter::Resolve(const std::vector<Entity>& entities) {
  targets_.assign(entities.size(), nullptr);
  if (!context_.resolve_mention) return;
  std::map<std::string, std::string_view> domains;  // of the first account with each username
  for (size_t i = 0; i < entities.size(); ++i) {
    if (entities[i].kind != Entity::kMention) continue;
    targets_[i] = context_.resolve_mention(entities[i].text);
    if (targets_[i] == nullptr) continue;
    std::string username = Lowercase(targets_[i]->username);
    auto [first, is_new] = domains.emplace(username, targets_[i]->domain);
    if (!is_new && first->second != targets_[i]->domain) shared_usernames_.insert(username);
  }
}

// Text between entities. Newlines are only counted here: what they become depends on what follows.
void Formatter::Text(std::string_view text) {
  while (!text.empty()) {
    size_t line_end = std::min(text.find_first_of("\r\n"), text.size());
    if (line_end > 0) {
      Breaks();
      AppendEscapedHtml(html_, text.substr(0, line_end));
      text.remove_prefix(line_end);
      continue;
    }
    text.remove_prefix(text.starts_with("\r\n") ? 2 : 1);
    ++newlines_;
  }
}

// Before anything visible: opens the first paragraph, or turns the newlines since into markup.
void Formatter::Breaks() {
  size_t newlines = std::exchange(newlines_, 0);
  if (!style_.paragraphs) {
    if (newlines > 0 && !html_.empty()) html_ += ' ';
  } else if (html_.empty()) {
    html_ += "<p>";
  } else if (newlines == 1) {
    html_ += "<br />";
  } else if (newlines > 1) {
    html_ += "</p><p>";
  }
}

void Formatter::Link(std::string_view url) {
  size_t prefix = url.find("://") + 3;
  if (url.substr(prefix).starts_with("www.")) prefix += 4;
  size_t shown = prefix;
  for (size_t chars = 0; shown < url.size() && chars < kLinkCharsShown; ++chars) {
    DecodeUtf8(url, shown);
  }
  // Cutting off a single character would save nothing.
  size_t one_more = shown;
  if (one_more < url.size()) DecodeUtf8(url, one_more);
  bool cut = one_more < url.size();
  if (!cut) shown = url.size();

  html_ += "<a href=\"";
  AppendEscapedHtml(html_, url);
  html_ += "\" target=\"_blank\" rel=\"";
  html_ += style_.link_rel;
  html_ += "\" translate=\"no\"><span class=\"invisible\">";
  AppendEscapedHtml(html_, url.substr(0, prefix));
  html_ += cut ? "</span><span class=\"ellipsis\">" : "</span><span class=\"\">";
  AppendEscapedHtml(html_, url.substr(prefix, shown - prefix));
  html_ += "</span><span class=\"invisible\">";
  AppendEscapedHtml(html_, url.substr(shown));
  html_ += "</span></a>";
}

void Formatter::Mention(const MentionTarget& target) {
  html_ += "<span class=\"h-card\" translate=\"no\"><a href=\"";
  AppendEscapedHtml(html_, target.url);
  html_ += "\" class=\"u-url mention\">@<span>";
  AppendEscapedHtml(html_, target.username);
  bool full = style_.full_handles || shared_usernames_.contains(Lowercase(target.username));
  if (full && !target.domain.empty()) {
    html_ += '@';
    AppendEscapedHtml(html_, target.domain);
  }
  html_ += "</span></a></span>";
}

void Formatter::Hashtag(std::string_view tag) {
  html_ += "<a href=\"";
  AppendEscapedHtml(html_, context_.base_url);
  html_ += "/tags/";
  html_ += PercentEncode(tag);
  html_ += "\" class=\"mention hashtag\" rel=\"tag\">#<span>";
  AppendEscapedHtml(html_, tag);
  html_ += "</span></a>";
}

}  // namespace

std::string FormatStatus(std::string_view text, const FormatContext& context) {
  Formatter::Style style{
      .paragraphs = true, .full_handles = context.show_domains, .link_rel = "nofollow noopener"};
  return Formatter(context, style).Format(SanitizeUtf8(text));
}

std::string FormatNote(std::string_view text, const FormatContext& context) {
  return FormatStatus(text, context);
}

std::string FormatField(std::string_view text, const FormatContext& context) {
  Formatter::Style style{
      .paragraphs = false, .full_handles = true, .link_rel = "nofollow noopener me"};
  return Formatter(context, style).Format(SanitizeUtf8(text));
}

}  // namespace stampede::codec
