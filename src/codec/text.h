#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/html.h"

// What the text of a post, a bio and a profile field means: links, mentions and hashtags, its
// length, and its HTML. Mastodon's rules: docs.joinmastodon.org/user/posting and /spec/activitypub.
// Thread-safe. Linear in the text on any input; text that is not UTF-8 is treated as U+FFFD there.
namespace stampede::codec {

// Hashtags longer than this are plain text, so that a tag always fits a key of the store.
inline constexpr size_t kTagBytesMax = 256;
// Of a mention: `user` and `domain` of @user@domain. A domain name's limit is RFC 1035's.
inline constexpr size_t kMentionUserBytesMax = 128;
inline constexpr size_t kMentionDomainBytesMax = 253;

struct Entity {
  enum Kind { kUrl, kMention, kHashtag };
  Kind kind;
  size_t begin, end;  // bytes of the text, with the leading @ or #
  std::string text;   // the URL; user or user@domain; the tag without #, as written
};

// In the order of the text, never overlapping.
std::vector<Entity> FindEntities(std::string_view text);

// Graphemes of both, each URL counted as limits::kUrlChars and a mention without its domain.
size_t StatusLength(std::string_view spoiler, std::string_view text);

// Whom a mention means.
struct MentionTarget {
  std::string url;       // of the profile page
  std::string username;  // as the account spells it
  std::string domain;    // empty for a local account
};

struct FormatContext {
  // Where hashtags lead: `<base_url>/tags/TAG`, as in "https://example.org".
  std::string_view base_url;
  // The account for `user` or `user@domain` as written, or null: then the mention stays plain text.
  // The pointer must stay valid until the format function returns.
  std::function<const MentionTarget*(std::string_view handle)> resolve_mention;
  // Shows @user@domain of remote accounts always; else only if two mentioned accounts share a name.
  bool show_domains = false;
};

// The HTML of a post: paragraphs, line breaks, links, mentions and hashtags. Empty for blank text.
std::string FormatStatus(std::string_view text, const FormatContext& context);
// The HTML of an account's bio.
std::string FormatNote(std::string_view text, const FormatContext& context);
// The HTML of a profile field's value: one line, full domains, links with rel="… me".
std::string FormatField(std::string_view text, const FormatContext& context);

// The identity of a hashtag, whatever its spelling: NFKC, lower case, Latin diacritics folded to
// ASCII, everything removed that cannot stand in a tag. May be empty: then it is no tag.
std::string NormalizeTag(std::string_view tag);

// Of a local account: 1 to 30 of a-z, 0-9 and _, in either case.
bool IsValidUsername(std::string_view name);

}  // namespace stampede::codec
