#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/scopes.h"

// The pure rules of OAuth: redirect addresses, PKCE, scopes in plain words. Thread-safe.
namespace stampede::oauth {

// Shows the code on a page instead of redirecting (docs.joinmastodon.org/methods/apps, create).
inline constexpr std::string_view kOutOfBand = "urn:ietf:wg:oauth:2.0:oob";

// Why an address may not be registered for redirects; nullopt when it may. Absolute, any scheme but
// those that run code, no fragment (RFC 6749, section 3.1.2), nothing that could break a header.
std::optional<std::string> RedirectUriProblem(std::string_view uri);

// RFC 7636, section 4.6, S256 only.
bool MatchesChallenge(std::string_view verifier, std::string_view challenge);
// Whether it could be a S256 challenge: 43 characters of base64url.
bool IsChallenge(std::string_view challenge);

// What the consent page says: one line per group of permissions, in plain words.
std::vector<std::string> ScopesInWords(net::ScopeSet scopes);

}  // namespace stampede::oauth
