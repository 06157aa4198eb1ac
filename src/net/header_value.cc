#include "net/header_value.h"

#include <algorithm>

namespace stampede::net {
namespace {

// Reads a quoted-string that starts at `at`, or a token, and moves `at` behind it.
std::string ReadParameterValue(std::string_view text, size_t& at) {
  std::string value;
  if (at >= text.size() || text[at] != '"') {
    size_t end = std::min(text.find(';', at), text.size());
    value = TrimHeader(text.substr(at, end - at));
    at = end;
    return value;
  }
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    // Only what must be escaped: some browsers send a path with single backslashes as filename.
    bool escape =
        text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
    if (escape) ++at;
    value += text[at];
  }
  if (at < text.size()) ++at;
  return value;
}

}  // namespace

std::string_view TrimHeader(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool EqualsLower(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

HeaderValue::HeaderValue(std::string_view text) {
  size_t end = std::min(text.find(';'), text.size());
  value_ = TrimHeader(text.substr(0, end));
  parameters_ = text.substr(end);
}

bool HeaderValue::is(std::string_view lower) const { return EqualsLower(value_, lower); }

std::optional<std::string> HeaderValue::Parameter(std::string_view lower) const {
  size_t at = 0;
  while (at < parameters_.size()) {
    ++at;  // the ';'
    size_t name_end = std::min(parameters_.find_first_of("=;", at), parameters_.size());
    std::string_view name = TrimHeader(parameters_.substr(at, name_end - at));
    at = name_end;
    if (at >= parameters_.size() || parameters_[at] == ';') continue;
    ++at;  // the '='
    while (at < parameters_.size() && (parameters_[at] == ' ' || parameters_[at] == '\t')) ++at;
    std::string value = ReadParameterValue(parameters_, at);
    if (EqualsLower(name, lower)) return value;
    at = std::min(parameters_.find(';', at), parameters_.size());
  }
  return std::nullopt;
}

}  // namespace stampede::net
