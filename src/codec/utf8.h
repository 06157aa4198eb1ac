#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// UTF-8 and the few Unicode facts the product needs (Unicode 15, from ICU). Thread-safe, linear;
// nothing here throws. Offsets are bytes. Functions other than the first three of this header take
// any bytes and treat what is not UTF-8 as U+FFFD.
namespace stampede::codec {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

bool IsAscii(std::string_view text);
// Well-formed by Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsValidUtf8(std::string_view text);
// The text with every ill-formed part replaced by U+FFFD (one per maximal subpart, section 3.9).
std::string SanitizeUtf8(std::string_view text);

// The code point at `at` (< text.size()) and moves `at` behind it; ill-formed: U+FFFD.
char32_t DecodeUtf8(std::string_view text, size_t& at);
// The code point that ends at `at` (> 0) and moves `at` to its start.
char32_t DecodeUtf8Before(std::string_view text, size_t& at);
void AppendUtf8(std::string& text, char32_t code_point);
size_t CodePointCount(std::string_view text);

// Extended grapheme clusters (UAX #29): what a person counts as characters. A family emoji is one.
size_t GraphemeCount(std::string_view text);
// The longest prefix of at most `count_max` graphemes; a view into `text`.
std::string_view TruncateGraphemes(std::string_view text, size_t count_max);

// Lower case by the root locale.
std::string Lowercase(std::string_view text);
// Without Unicode white space at both ends; a view into `text`.
std::string_view Trim(std::string_view text);

}  // namespace stampede::codec
