#include "codec/language.h"

#include <unicode/uloc.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <iterator>

namespace stampede::codec {
namespace {

// Sorted. The codes that docs.joinmastodon.org/methods/instance (languages) can answer.
constexpr std::string_view kLanguages[] = {
    "aa",    "ab",    "ae",     "af",  "ak",  "am",  "an",  "ar",  "as",  "ast", "av", "ay",
    "az",    "ba",    "be",     "bg",  "bh",  "bi",  "bm",  "bn",  "bo",  "br",  "bs", "ca",
    "ce",    "ch",    "chr",    "ckb", "cnr", "co",  "cr",  "cs",  "csb", "cu",  "cv", "cy",
    "da",    "de",    "dv",     "dz",  "ee",  "el",  "en",  "eo",  "es",  "et",  "eu", "fa",
    "ff",    "fi",    "fj",     "fo",  "fr",  "fy",  "ga",  "gd",  "gl",  "gsw", "gu", "gv",
    "ha",    "he",    "hi",     "ho",  "hr",  "ht",  "hu",  "hy",  "hz",  "ia",  "id", "ie",
    "ig",    "ii",    "ik",     "io",  "is",  "it",  "iu",  "ja",  "jbo", "jv",  "ka", "kab",
    "kg",    "ki",    "kj",     "kk",  "kl",  "km",  "kn",  "ko",  "kr",  "ks",  "ku", "kv",
    "kw",    "ky",    "la",     "lb",  "ldn", "lfn", "lg",  "li",  "ln",  "lo",  "lt", "lu",
    "lv",    "mg",    "mh",     "mi",  "mk",  "ml",  "mn",  "moh", "mr",  "ms",  "mt", "my",
    "na",    "nb",    "nd",     "nds", "ne",  "ng",  "nl",  "nn",  "no",  "nr",  "nv", "ny",
    "oc",    "oj",    "om",     "or",  "os",  "pa",  "pdc", "pi",  "pl",  "ps",  "pt", "qu",
    "rm",    "rn",    "ro",     "ru",  "rw",  "sa",  "sc",  "sco", "sd",  "se",  "sg", "si",
    "sk",    "sl",    "sma",    "smj", "sn",  "so",  "sq",  "sr",  "ss",  "st",  "su", "sv",
    "sw",    "szl",   "ta",     "te",  "tg",  "th",  "ti",  "tk",  "tl",  "tn",  "to", "tok",
    "tr",    "ts",    "tt",     "tw",  "ty",  "ug",  "uk",  "ur",  "uz",  "vai", "ve", "vi",
    "vo",    "wa",    "wo",     "xal", "xh",  "yi",  "yo",  "za",  "zba", "zgh", "zh", "zh-CN",
    "zh-HK", "zh-TW", "zh-YUE", "zu",
};
static_assert(std::ranges::is_sorted(kLanguages));

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char UpperAscii(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

}  // namespace

bool IsKnownLanguage(std::string_view code) { return std::ranges::binary_search(kLanguages, code); }

std::optional<std::string> NormalizeLanguage(std::string_view tag) {
  size_t primary_end = std::min(tag.find_first_of("-_"), tag.size());
  std::string code(tag.substr(0, primary_end));
  std::ranges::transform(code, code.begin(), LowerAscii);
  if (primary_end < tag.size()) {
    std::string regional = code + '-';
    std::ranges::transform(tag.substr(primary_end + 1), std::back_inserter(regional), UpperAscii);
    if (IsKnownLanguage(regional)) return regional;
  }
  if (IsKnownLanguage(code)) return code;
  return std::nullopt;
}

std::span<const std::string_view> KnownLanguages() { return kLanguages; }

std::string LanguageName(std::string_view code) {
  UChar name[128];
  UErrorCode status = U_ZERO_ERROR;
  int32_t length =
      uloc_getDisplayName(std::string(code).c_str(), "en", name, std::size(name), &status);
  if (U_FAILURE(status) || length <= 0) return std::string(code);
  std::string text;
  icu::UnicodeString(name, std::min<int32_t>(length, std::size(name))).toUTF8String(text);
  return text;
}

}  // namespace stampede::codec
