#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stampede::net {

// A set of OAuth scopes as Mastodon defines them: docs.joinmastodon.org/api/oauth-scopes. `read` and
// `write` imply their children, `follow` (deprecated) covers read and write of blocks, follows and
// mutes. A value type of one word.
class ScopeSet {
 public:
  ScopeSet() = default;
  // Words separated by white space. nullopt when a word is no scope.
  static std::optional<ScopeSet> Parse(std::string_view words);

  // Every scope of `other` is granted, directly or by a parent.
  bool Includes(ScopeSet other) const;
  // At least one of them is granted: what a route row with alternatives asks.
  bool IncludesAnyOf(ScopeSet other) const;
  bool empty() const { return bits_ == 0; }
  // As granted, in the order of the definition: "read write:statuses".
  std::string ToString() const;
  std::vector<std::string_view> Words() const;

  uint64_t bits() const { return bits_; }
  static ScopeSet FromBits(uint64_t bits) {
    ScopeSet s;
    s.bits_ = bits;
    return s;
  }
  bool operator==(const ScopeSet&) const = default;

 private:
  ScopeSet Expanded() const;
  // Stored in tokens: the position of a scope never changes.
  uint64_t bits_ = 0;
};

// Every scope this server knows, for discovery documents.
const std::vector<std::string_view>& AllScopes();

}  // namespace stampede::net
