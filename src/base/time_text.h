#pragma once

#include <cstdint>
#include <string>

// Times as the wire spells them. Pure and thread-safe; no locale, no allocation but the result.
namespace stampede {

// "2026-01-31T09:05:07.123Z": UTC with milliseconds, as every Mastodon entity has it (ISO 8601).
std::string IsoTime(int64_t unix_ms);
// "2026-01-31".
std::string IsoDate(int64_t unix_ms);

}  // namespace stampede
