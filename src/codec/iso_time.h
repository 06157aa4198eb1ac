#pragma once

#include <cstdint>
#include <string>

// Times as Mastodon's API writes them: ISO 8601, UTC, milliseconds, `Z`. Thread-safe, pure; works
// from year 1 to 9999.
namespace stampede::codec {

// "2023-11-14T22:13:20.000Z"
std::string IsoTime(int64_t unix_ms);
// The start of that day: "2023-11-14T00:00:00.000Z".
std::string IsoMidnight(int64_t unix_ms);
// "2023-11-14"
std::string IsoDate(int64_t unix_ms);
// An IMF-fixdate (RFC 9110, section 5.6.7): "Tue, 14 Nov 2023 22:13:20 GMT".
std::string HttpDate(int64_t unix_ms);

}  // namespace stampede::codec
