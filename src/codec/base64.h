#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stampede::codec {

// Base 64 (RFC 4648): section 4 with padding, and section 5, URL-safe, without. Thread-safe,
// linear.
std::string Base64Encode(std::string_view bytes);
std::string Base64UrlEncode(std::string_view bytes);

// Either alphabet, padded or not; nullopt for any other character, white space included, and for
// bits left over that are not zero.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace stampede::codec
