#include "codec/text.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <optional>

#include "base/check.h"
#include "base/limits.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

constexpr size_t kHostBytesMax = 1024;  // an internationalised name is longer than its 253 of ASCII
constexpr int kUrlParenthesesDepthMax = 4;
constexpr std::string_view kFullWidthHash = "\xEF\xBC\x83";  // U+FF03

bool HasCategory(char32_t c, uint32_t mask) {
  return (U_MASK(u_charType(static_cast<UChar32>(c))) & mask) != 0;
}
bool IsAsciiAlnum(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool IsAsciiLetter(char32_t c) { return IsAsciiAlnum(c) && c > '9'; }
bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)); }
// UTS #18, annex C: \w without its join controls.
bool IsWord(char32_t c) {
  if (c < 0x80) return IsAsciiAlnum(c) || c == '_';
  return HasCategory(c, U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK);
}
bool IsAlphabetic(char32_t c) { return u_isUAlphabetic(static_cast<UChar32>(c)); }
// May stand inside a hashtag beside word characters: middle dots and the zero width non-joiner.
bool IsTagSeparator(char32_t c) { return c == 0xB7 || c == 0x30FB || c == 0x200C; }

// May stand in a URL's path, query or fragment; parentheses are balanced by the caller. As in
// RFC 3987, but quotes, brackets and stops of other scripts end the URL, because in running text
// they belong to the sentence.
bool IsUrlChar(char32_t c) {
  if (c < 0x80) {
    return IsAsciiAlnum(c) ||
           (c > ' ' && std::string_view("!*';:=+,.$/%#[]-_~&|@?").find(static_cast<char>(c)) !=
                           std::string_view::npos);
  }
  if (c == kReplacementCharacter || c == 0x3001 || c == 0x3002 || c == 0xFF0C || c == 0xFF61) {
    return false;
  }
  if (c == 0x200C || c == 0x200D) return true;  // joiners inside words and emoji
  return !IsSpace(c) &&
         !HasCategory(c, U_GC_PS_MASK | U_GC_PE_MASK | U_GC_PI_MASK | U_GC_PF_MASK | U_GC_C_MASK);
}

// May end a URL; the closing parenthesis only ever occurs balanced.
bool IsUrlEnd(char32_t c) {
  if (IsAsciiAlnum(c)) return true;
  if (c < 0x80)
    return std::string_view("=_#/+-&@)").find(static_cast<char>(c)) != std::string_view::npos;
  return !HasCategory(c, U_GC_P_MASK | U_GC_CF_MASK);
}

// One pass over a text. Every method that looks ahead either consumes what it saw, or looks a
// bounded number of bytes or parentheses ahead, so the whole stays linear.
class EntityScanner {
 public:
  explicit EntityScanner(std::string_view text) : text_(text) {}

  std::vector<Entity> Run() {
    for (size_t at = 0; at < text_.size();) {
      at = text_.find_first_of("@#hH\xEF", at);
      if (at == text_.npos) break;
      std::optional<Entity> found;
      switch (text_[at]) {
        case '@':
          found = MentionAt(at);
          break;
        case '#':
          found = HashtagAt(at, 1);
          break;
        case '\xEF':
          if (text_.substr(at).starts_with(kFullWidthHash)) {
            found = HashtagAt(at, kFullWidthHash.size());
          }
          break;
        default:
          found = UrlAt(at);
          break;
      }
      at = found ? found->end : at + 1;
      if (found) entities_.push_back(std::move(*found));
    }
    return std::move(entities_);
  }

 private:
  char32_t Before(size_t at) const { return DecodeUtf8Before(text_, at); }
  char ByteAt(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  std::optional<Entity> MentionAt(size_t begin) const;
  std::optional<Entity> HashtagAt(size_t begin, size_t hash_bytes) const;
  std::optional<Entity> UrlAt(size_t begin) const;
  size_t SchemeEnd(size_t begin) const;
  size_t HostEnd(size_t begin) const;
  size_t PathEnd(size_t begin) const;
  bool IsPublicHost(std::string_view host) const;

  std::string_view text_;
  std::vector<Entity> entities_;
};

// Where the words joined by dots and hyphens that start at `begin` end; `begin` if there are none.
// An ASCII top-level domain ends where another script begins: no domain mixes them there, and
// Japanese or Chinese text follows without a space.
size_t EntityScanner::HostEnd(size_t begin) const {
  size_t end = begin, label = begin;
  bool has_dot = false, joined = false;
  for (size_t at = begin; at < text_.size() && at - begin <= kHostBytesMax;) {
    size_t start = at;
    char32_t c = DecodeUtf8(text_, at);
    if (IsWord(c)) {
      if (joined && text_[start - 1] == '.') {
        label = start;
        has_dot = true;
      }
      joined = false;
      end = at;
    } else if ((c == '.' || c == '-') && start > begin) {
      joined = true;
    } else {
      break;
    }
  }
  size_t ascii_end = label;
  while (ascii_end < end && IsAsciiLetter(static_cast<unsigned char>(text_[ascii_end])))
    ++ascii_end;
  bool mixed = ascii_end < end && static_cast<unsigned char>(text_[ascii_end]) >= 0x80;
  return has_dot && mixed && ascii_end - label >= 2 ? ascii_end : end;
}

// @user or @user@domain, neither after '=' or '/' (a URL) nor after a word (an email address).
std::optional<Entity> EntityScanner::MentionAt(size_t begin) const {
  if (begin > 0) {
    char32_t before = Before(begin);
    if (before == '=' || before == '/' || IsWord(before)) return std::nullopt;
  }
  auto is_user_char = [](char c) {
    return IsAsciiAlnum(static_cast<unsigned char>(c)) || c == '_';
  };
  size_t end = begin + 1;
  for (size_t at = end; at - begin <= kMentionUserBytesMax + 1; ++at) {
    if (is_user_char(ByteAt(at))) {
      end = at + 1;
    } else if (at == begin + 1 || (ByteAt(at) != '.' && ByteAt(at) != '-')) {
      break;
    }
  }
  if (end == begin + 1 || end - begin - 1 > kMentionUserBytesMax) return std::nullopt;
  if (ByteAt(end) == '@') {
    size_t domain_end = HostEnd(end + 1);
    if (domain_end - end - 1 > kMentionDomainBytesMax) return std::nullopt;
    if (domain_end > end + 1) end = domain_end;
  }
  return Entity{Entity::kMention, begin, end,
                std::string(text_.substr(begin + 1, end - begin - 1))};
}

// At the start or after white space; word characters and separators with a letter or a separator
// between word characters, so "#1" and "#2024" are numbers, while "#2024_05" is a tag.
std::optional<Entity> EntityScanner::HashtagAt(size_t begin, size_t hash_bytes) const {
  if (begin > 0 && !IsSpace(Before(begin))) return std::nullopt;
  size_t first = begin + hash_bytes;
  size_t plain_end = first;  // of the leading run of word characters
  size_t end = first;        // of the last word character
  bool plain = true, plain_letter = false, inner = false, pending_inner = false;
  for (size_t at = first; at < text_.size() && at - first <= kTagBytesMax;) {
    size_t start = at;
    char32_t c = DecodeUtf8(text_, at);
    bool word = IsWord(c);
    if (!word && (start == first || !IsTagSeparator(c))) break;
    if (word) {
      inner = inner || pending_inner;  // something counted stands before this character
      end = at;
    }
    plain = plain && word;
    if (plain) {
      plain_end = at;
      plain_letter = plain_letter || IsAlphabetic(c);
    }
    bool counts = IsAlphabetic(c) || IsTagSeparator(c) || c == '_';
    pending_inner = pending_inner || (start > first && counts);
  }
  if (!inner) {
    if (!plain_letter) return std::nullopt;
    end = plain_end;
  }
  if (end - first > kTagBytesMax) return std::nullopt;
  return Entity{Entity::kHashtag, begin, end, std::string(text_.substr(first, end - first))};
}

size_t EntityScanner::SchemeEnd(size_t begin) const {
  for (std::string_view scheme : {"https://", "http://"}) {
    std::string_view there = text_.substr(begin, scheme.size());
    if (there.size() == scheme.size() && Lowercase(there) == scheme) return begin + scheme.size();
  }
  return begin;
}

// A dot, and a top-level domain that is not a number: "localhost" and addresses stay plain text.
bool EntityScanner::IsPublicHost(std::string_view host) const {
  size_t dot = host.rfind('.');
  if (dot == host.npos) return false;
  std::string_view top = host.substr(dot + 1);
  return top.size() >= 2 &&
         (!IsAscii(top) || IsAsciiLetter(static_cast<unsigned char>(top.front())));
}

// The end of a path, query and fragment that start at `begin` (at '/', '?' or '#'): up to the first
// character that cannot stand there or the first parenthesis without its partner, then back over
// punctuation. The bound on depth keeps text full of "http://a.b/(" linear.
size_t EntityScanner::PathEnd(size_t begin) const {
  size_t end = begin, outermost_open = begin;
  int depth = 0;
  for (size_t at = begin; at < text_.size(); end = at) {
    size_t start = at;
    char32_t c = DecodeUtf8(text_, at);
    if (c == '(') {
      if (depth == kUrlParenthesesDepthMax) break;
      if (depth++ == 0) outermost_open = start;
    } else if (c == ')') {
      if (depth-- == 0) {
        depth = 0;
        break;
      }
    } else if (!IsUrlChar(c)) {
      break;
    }
  }
  if (depth > 0) end = outermost_open;
  for (size_t at = end; end > begin; end = at) {
    if (IsUrlEnd(DecodeUtf8Before(text_, at))) break;
  }
  return end;
}

std::optional<Entity> EntityScanner::UrlAt(size_t begin) const {
  size_t host = SchemeEnd(begin);
  if (host == begin) return std::nullopt;
  if (begin > 0) {  // twitter-text's preceding characters, so that "xhttp://" is a word
    char32_t c = Before(begin);
    if (IsAsciiAlnum(c) || c == '@' || c == 0xFF20 || c == '$' || c == '#' || c == 0xFF03 ||
        (c >= 0x202A && c <= 0x202E)) {
      return std::nullopt;
    }
  }
  size_t end = HostEnd(host);
  if (!IsPublicHost(text_.substr(host, end - host))) return std::nullopt;
  if (ByteAt(end) == ':') {
    size_t port_end = end + 1;
    unsigned port = 0;
    for (; port <= 65535 && ByteAt(port_end) >= '0' && ByteAt(port_end) <= '9'; ++port_end) {
      port = port * 10 + static_cast<unsigned>(ByteAt(port_end) - '0');
    }
    if (port > 65535) return std::nullopt;
    if (port_end > end + 1) end = port_end;
  }
  // What looked like a host is a user name, which links must not carry: they deceive.
  if (ByteAt(end) == '@') return std::nullopt;
  if (char c = ByteAt(end); c == '/' || c == '?' || c == '#') end = PathEnd(end);
  return Entity{Entity::kUrl, begin, end, std::string(text_.substr(begin, end - begin))};
}

// The ASCII letter that a Latin letter with a diacritic is based on, else the character itself.
// Letters that Unicode does not decompose are listed. Latin-1 Supplement and Latin Extended-A only.
char32_t FoldLatin(char32_t c) {
  if (c < 0xC0 || c > 0x17F) return c;
  switch (c) {
    case 0xF0:
    case 0x111:
      return 'd';
    case 0xF8:
      return 'o';
    case 0x127:
      return 'h';
    case 0x131:
      return 'i';
    case 0x138:
      return 'k';
    case 0x142:
      return 'l';
    case 0x14B:
      return 'n';
    case 0x167:
      return 't';
    default:
      break;
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(status);
  STAMPEDE_CHECK(U_SUCCESS(status));
  icu::UnicodeString parts;
  if (!nfd->getDecomposition(static_cast<UChar32>(c), parts)) return c;
  char32_t base = static_cast<char32_t>(parts.char32At(0));
  return IsAsciiLetter(base) ? base : c;
}

}  // namespace

std::vector<Entity> FindEntities(std::string_view text) { return EntityScanner(text).Run(); }

size_t StatusLength(std::string_view spoiler, std::string_view text) {
  std::string counted(spoiler);
  size_t copied = 0;
  for (const Entity& entity : FindEntities(text)) {
    counted.append(text, copied, entity.begin - copied);
    if (entity.kind == Entity::kUrl) {
      counted.append(limits::kUrlChars, 'x');
    } else if (entity.kind == Entity::kMention) {
      counted += '@';
      counted.append(entity.text, 0, entity.text.find('@'));
    } else {
      counted.append(text, entity.begin, entity.end - entity.begin);
    }
    copied = entity.end;
  }
  counted.append(text, copied);
  return GraphemeCount(counted);
}

std::string NormalizeTag(std::string_view tag) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(status);
  STAMPEDE_CHECK(U_SUCCESS(status));
  std::string composed;
  icu::StringByteSink<std::string> sink(&composed);
  nfkc->normalizeUTF8(0, {tag.data(), static_cast<int32_t>(tag.size())}, sink, nullptr, status);
  STAMPEDE_CHECK(U_SUCCESS(status));
  std::string lower = Lowercase(composed), normal;
  normal.reserve(lower.size());
  for (size_t at = 0; at < lower.size();) {
    char32_t c = FoldLatin(DecodeUtf8(lower, at));
    bool thai_or_lao_sign = c >= 0x0E47 && c <= 0x0E4E;  // not Alphabetic, yet part of words
    if (IsAlphabetic(c) || HasCategory(c, U_GC_ND_MASK) || thai_or_lao_sign || c == '_' ||
        IsTagSeparator(c)) {
      AppendUtf8(normal, c);
    }
  }
  return normal;
}

bool IsValidUsername(std::string_view name) {
  if (name.empty() || name.size() > limits::kUsernameCharsMax) return false;
  for (unsigned char c : name) {
    if (!IsAsciiAlnum(c) && c != '_') return false;
  }
  return true;
}

}  // namespace stampede::codec
