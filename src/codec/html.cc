#include "codec/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "codec/utf8.h"

namespace stampede::codec {
namespace {

constexpr size_t kReferenceBytesMax = 12;  // the longest character reference we decode

bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The code point of the reference `name` (between & and ;), or 0 if it is none we know.
char32_t DecodeReference(std::string_view name) {
  if (name.starts_with('#')) {
    name.remove_prefix(1);
    int base = 10;
    if (name.starts_with('x') || name.starts_with('X')) {
      name.remove_prefix(1);
      base = 16;
    }
    uint32_t code_point = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), code_point, base);
    bool whole = error == std::errc() && end == name.data() + name.size();
    return whole ? code_point : 0;
  }
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  if (name == "nbsp") return 0xA0;
  return 0;
}

// Whether the tag (without its brackets) ends a line for the reader.
bool EndsLine(std::string_view tag) {
  bool closing = tag.starts_with('/');
  if (closing) tag.remove_prefix(1);
  size_t name_end = 0;
  while (name_end < tag.size() &&
         (IsAsciiLetter(tag[name_end]) || (tag[name_end] >= '0' && tag[name_end] <= '9')))
    ++name_end;
  std::string name = Lowercase(tag.substr(0, name_end));
  if (name == "br") return true;
  static constexpr std::array<std::string_view, 11> kBlocks = {
      "blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "pre"};
  return closing && std::ranges::binary_search(kBlocks, name);
}

}  // namespace

void AppendEscapedHtml(std::string& html, std::string_view text) {
  size_t run = 0;
  for (size_t at = text.find_first_of("&<>\"'"); at != text.npos;
       at = text.find_first_of("&<>\"'", run)) {
    html.append(text, run, at - run);
    switch (text[at]) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += "&#39;";
        break;
    }
    run = at + 1;
  }
  html.append(text, run);
}

std::string EscapeHtml(std::string_view text) {
  std::string html;
  html.reserve(text.size() + text.size() / 8);
  AppendEscapedHtml(html, text);
  return html;
}

std::string PlainText(std::string_view html) {
  std::string text;
  text.reserve(html.size());
  for (size_t at = 0; at < html.size();) {
    char c = html[at];
    char next = at + 1 < html.size() ? html[at + 1] : ' ';
    if (c == '<' && (IsAsciiLetter(next) || next == '/' || next == '!' || next == '?')) {
      size_t end = html.find('>', at);
      if (end == html.npos) break;  // an open tag hides the rest, as in browsers
      if (EndsLine(html.substr(at + 1, end - at - 1))) text += '\n';
      at = end + 1;
      continue;
    }
    if (c == '&') {
      size_t length = html.substr(at + 1, kReferenceBytesMax).find(';');
      char32_t code_point = 0;
      if (length != html.npos) code_point = DecodeReference(html.substr(at + 1, length));
      if (code_point != 0) {
        AppendUtf8(text, code_point);
        at += length + 2;
        continue;
      }
    }
    text += c;
    ++at;
  }
  return std::string(Trim(text));
}

}  // namespace stampede::codec
