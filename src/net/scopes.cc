#include "net/scopes.h"

#include <array>

namespace stampede::net {
namespace {

// docs.joinmastodon.org/api/oauth-scopes. The position is the bit that is stored in tokens: new
// scopes go to the end.
constexpr std::array<std::string_view, 47> kScopes = {
    "profile",
    "read",
    "write",
    "follow",
    "push",
    "admin:read",
    "admin:write",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:collections",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:statuses",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:collections",
    "write:conversations",
    "write:favourites",
    "write:filters",
    "write:follows",
    "write:lists",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:statuses",
    "admin:read:accounts",
    "admin:read:reports",
    "admin:read:domain_allows",
    "admin:read:domain_blocks",
    "admin:read:ip_blocks",
    "admin:read:email_domain_blocks",
    "admin:read:canonical_email_blocks",
    "admin:write:accounts",
    "admin:write:reports",
    "admin:write:domain_allows",
    "admin:write:domain_blocks",
    "admin:write:ip_blocks",
    "admin:write:email_domain_blocks",
    "admin:write:canonical_email_blocks",
};
static_assert(kScopes.size() <= 64);

constexpr int IndexOf(std::string_view word) {
  for (size_t i = 0; i < kScopes.size(); ++i) {
    if (kScopes[i] == word) return static_cast<int>(i);
  }
  return -1;
}

// For every scope, the bits that it grants: itself and its children.
constexpr std::array<uint64_t, kScopes.size()> kGranted = [] {
  std::array<uint64_t, kScopes.size()> granted{};
  for (size_t i = 0; i < kScopes.size(); ++i) {
    granted[i] = uint64_t{1} << i;
    for (size_t j = 0; j < kScopes.size(); ++j) {
      bool child = kScopes[j].size() > kScopes[i].size() && kScopes[j].starts_with(kScopes[i]) &&
                   kScopes[j][kScopes[i].size()] == ':';
      if (child) granted[i] |= uint64_t{1} << j;
    }
  }
  for (std::string_view covered : {"read:blocks", "write:blocks", "read:follows", "write:follows",
                                   "read:mutes", "write:mutes"}) {
    granted[IndexOf("follow")] |= uint64_t{1} << IndexOf(covered);
  }
  return granted;
}();

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<ScopeSet> ScopeSet::Parse(std::string_view words) {
  uint64_t bits = 0;
  for (size_t at = 0; at < words.size();) {
    if (IsSpace(words[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < words.size() && !IsSpace(words[end])) ++end;
    int index = IndexOf(words.substr(at, end - at));
    if (index < 0) return std::nullopt;
    bits |= uint64_t{1} << index;
    at = end;
  }
  return FromBits(bits);
}

ScopeSet ScopeSet::Expanded() const {
  uint64_t bits = 0;
  for (size_t i = 0; i < kScopes.size(); ++i) {
    if (bits_ >> i & 1) bits |= kGranted[i];
  }
  return FromBits(bits);
}

bool ScopeSet::Includes(ScopeSet other) const { return (other.bits_ & ~Expanded().bits_) == 0; }

bool ScopeSet::IncludesAnyOf(ScopeSet other) const { return (other.bits_ & Expanded().bits_) != 0; }

std::vector<std::string_view> ScopeSet::Words() const {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < kScopes.size(); ++i) {
    if (bits_ >> i & 1) words.push_back(kScopes[i]);
  }
  return words;
}

std::string ScopeSet::ToString() const {
  std::string text;
  for (std::string_view word : Words()) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

const std::vector<std::string_view>& AllScopes() {
  static const std::vector<std::string_view> all(kScopes.begin(), kScopes.end());
  return all;
}

}  // namespace stampede::net
