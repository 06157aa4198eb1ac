#include "codec/url.h"

#include <algorithm>

#include "codec/hex.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

bool IsUnreserved(char c) {  // RFC 3986, section 2.3
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// The length of "http://" or "https://" in any case at the start, or 0.
size_t HttpSchemeLength(std::string_view text) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (Lowercase(text.substr(0, scheme.size())) == scheme) return scheme.size();
  }
  return 0;
}

bool IsPort(std::string_view text) {  // RFC 3986 allows an empty one
  unsigned port = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || port > 65535) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

}  // namespace

std::string PercentEncode(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (char c : bytes) {
    if (IsUnreserved(c)) {
      text += c;
    } else {
      text += {'%', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    }
  }
  return text;
}

std::string PercentDecode(std::string_view text, bool plus_is_space) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%' && at + 2 < text.size()) {
      int high = HexDigit(text[at + 1]), low = HexDigit(text[at + 2]);
      if (high >= 0 && low >= 0) {
        c = static_cast<char>(high << 4 | low);
        at += 2;
      }
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    bytes += c;
  }
  return bytes;
}

bool IsHttpUrl(std::string_view text) {
  for (unsigned char c : text) {
    if (c <= ' ' || c == 0x7F || c == '<' || c == '>' || c == '"' || c == '\\') return false;
  }
  size_t begin = HttpSchemeLength(text);
  if (begin == 0) return false;
  std::string_view authority = text.substr(begin);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (authority.find('@') != authority.npos) return false;
  size_t host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  if (authority.starts_with('[')) {
    if (host_end == authority.npos) return false;
    ++host_end;
  }
  std::string_view host = authority.substr(0, host_end);
  if (host.empty() || host == "[]") return false;
  if (host.size() == authority.size()) return true;
  return authority[host.size()] == ':' && IsPort(authority.substr(host.size() + 1));
}

void AppendQueryPair(std::string& query, std::string_view key, std::string_view value) {
  if (!query.empty() && !query.ends_with('?') && !query.ends_with('&')) query += '&';
  query += PercentEncode(key);
  query += '=';
  query += PercentEncode(value);
}

std::string AddQuery(std::string_view url, std::initializer_list<QueryPair> pairs) {
  size_t fragment = std::min(url.find('#'), url.size());
  std::string result(url.substr(0, fragment));
  if (pairs.size() > 0 && result.find('?') == result.npos) result += '?';
  for (const auto& [key, value] : pairs) AppendQueryPair(result, key, value);
  result += url.substr(fragment);
  return result;
}

}  // namespace stampede::codec
