#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

// The languages a post can be in: ISO 639-1, the ISO 639-3 ones that Mastodon clients offer, and
// three regional forms of Chinese. Thread-safe.
namespace stampede::codec {

// Exactly one of the codes, as in "en", "ckb" or "zh-TW".
bool IsKnownLanguage(std::string_view code);

// The known code that a tag of any spelling means ("EN", "pt_BR", "zh-tw"): itself in the table's
// spelling, else its primary language; nullopt if that is unknown too.
std::optional<std::string> NormalizeLanguage(std::string_view tag);

// Every code, sorted.
std::span<const std::string_view> KnownLanguages();
// What a known code is called in English, as in "Catalan"; the code itself if it has no name.
std::string LanguageName(std::string_view code);

}  // namespace stampede::codec
