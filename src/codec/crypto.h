#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"

namespace stampede::codec {

// SHA-256 (FIPS 180-4): 32 raw bytes; HexEncode or Base64UrlEncode them for show.
std::string Sha256(std::string_view bytes);

// True if both are the same bytes, in a time that tells nothing but their lengths.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

// What one password hash costs. The default is the OWASP Password Storage Cheat Sheet's argon2id
// setting; tests and demo data use kCheapPasswordCost.
struct PasswordCost {
  uint32_t memory_kib = 19 * 1024;
  uint32_t passes = 2;
  uint32_t lanes = 1;
};
inline constexpr PasswordCost kCheapPasswordCost{.memory_kib = 8, .passes = 1, .lanes = 1};

// An argon2id hash (RFC 9106) in the encoded form `$argon2id$v=19$m=…$salt$hash`, which carries its
// own cost and salt. Takes tens of milliseconds of CPU and 19 MiB at the default cost: bound the
// callers.
std::string HashPassword(std::string_view password, Random& random, const PasswordCost& cost = {});
// A hash in that form that no password is known to have: random bytes. Costs nothing to make, and as
// much to verify as a real one of this cost.
std::string HashOfNoPassword(Random& random, const PasswordCost& cost = {});
// False for a wrong password and for a hash that is not one of HashPassword's. Costs as much as
// the hash did.
bool VerifyPassword(const std::string& hash, std::string_view password);

}  // namespace stampede::codec
