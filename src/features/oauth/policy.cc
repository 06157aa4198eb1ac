#include "features/oauth/policy.h"

#include "codec/base64.h"
#include "codec/crypto.h"
#include "codec/utf8.h"

namespace stampede::oauth {
namespace {

// RFC 7636, section 4.1: unreserved characters of RFC 3986.
bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// RFC 3986, section 3.1. Empty when there is none.
std::string SchemeOf(std::string_view uri) {
  size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  std::string scheme = codec::Lowercase(uri.substr(0, colon));
  if (scheme[0] < 'a' || scheme[0] > 'z') return {};
  for (char c : scheme) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))
      return {};
  }
  return scheme;
}

std::string InWords(std::string_view scope) {
  static constexpr std::pair<std::string_view, std::string_view> kWhole[] = {
      {"read", "Read everything in your account"},
      {"write", "Change everything in your account, and post as you"},
      {"follow", "See and change whom you follow, block and mute"},
      {"push", "Send you push notifications"},
      {"profile", "See your name and profile"},
      {"admin:read", "Read all moderation data of this server"},
      {"admin:write", "Change all moderation data of this server"}};
  for (auto [name, words] : kWhole) {
    if (scope == name) return std::string(words);
  }
  static constexpr std::pair<std::string_view, std::string_view> kVerbs[] = {
      {"read:", "Read your "},
      {"write:", "Change your "},
      {"admin:read:", "Moderation: read "},
      {"admin:write:", "Moderation: change "}};
  for (auto [prefix, verb] : kVerbs) {
    if (!scope.starts_with(prefix)) continue;
    std::string what(scope.substr(prefix.size()));
    std::replace(what.begin(), what.end(), '_', ' ');
    if (what == "accounts" && prefix != "admin:read:" && prefix != "admin:write:") {
      what = "profile and account";
    } else if (what == "statuses") {
      what = "posts";
    }
    return std::string(verb) + what;
  }
  return std::string(scope);
}

}  // namespace

std::optional<std::string> RedirectUriProblem(std::string_view uri) {
  if (uri == kOutOfBand) return std::nullopt;
  std::string scheme = SchemeOf(uri);
  if (scheme.empty()) return "must be an absolute URI";
  if (scheme == "javascript" || scheme == "data" || scheme == "vbscript")
    return "is forbidden by the server";
  if (uri.find('#') != std::string_view::npos) return "cannot contain a fragment";
  for (unsigned char c : uri) {
    if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\')
      return "must be a valid URI";
  }
  if ((scheme == "http" || scheme == "https") &&
      (!uri.substr(scheme.size()).starts_with("://") || uri.size() <= scheme.size() + 3))
    return "must be an absolute URI";
  return std::nullopt;
}

bool MatchesChallenge(std::string_view verifier, std::string_view challenge) {
  if (verifier.size() < 43 || verifier.size() > 128) return false;
  if (!std::all_of(verifier.begin(), verifier.end(), IsUnreserved)) return false;
  return codec::ConstantTimeEqual(codec::Base64UrlEncode(codec::Sha256(verifier)), challenge);
}

bool IsChallenge(std::string_view challenge) {
  return challenge.size() == 43 && std::all_of(challenge.begin(), challenge.end(), [](char c) {
           return IsUnreserved(c) && c != '.' && c != '~';
         });
}

std::vector<std::string> ScopesInWords(net::ScopeSet scopes) {
  std::vector<std::string> lines;
  for (std::string_view word : scopes.Words()) lines.push_back(InWords(word));
  return lines;
}

}  // namespace stampede::oauth
