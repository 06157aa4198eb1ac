#include "codec/utf8.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"

namespace stampede::codec {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// ICU's grapheme rules of this thread: an iterator is cheap to use, dear to make, and holds state.
icu::BreakIterator& ThreadBreakIterator() {
  thread_local std::unique_ptr<icu::BreakIterator> iterator = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    STAMPEDE_CHECK(U_SUCCESS(status));
    return made;
  }();
  return *iterator;
}

// Walks at most `count_max` graphemes; returns how many there were and where the last one ends.
std::pair<size_t, size_t> WalkGraphemes(std::string_view text, size_t count_max) {
  UErrorCode status = U_ZERO_ERROR;
  UText handle = UTEXT_INITIALIZER;
  utext_openUTF8(&handle, text.data(), static_cast<int64_t>(text.size()), &status);
  icu::BreakIterator& iterator = ThreadBreakIterator();
  iterator.setText(&handle, status);
  STAMPEDE_CHECK(U_SUCCESS(status));
  size_t count = 0, end = 0;
  while (count < count_max) {
    int32_t next = iterator.next();
    if (next == icu::BreakIterator::DONE) break;
    end = static_cast<size_t>(next);
    ++count;
  }
  utext_close(&handle);  // the iterator keeps a clone, never read again before its next setText
  return {count, end};
}

}  // namespace

bool IsAscii(std::string_view text) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    if (word & 0x8080808080808080u) return false;
  }
  for (; at < text.size(); ++at) {
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  }
  return true;
}

// Unicode 15, table 3-7. On an error it stops before the first byte that cannot continue, so the
// bytes passed over are one maximal subpart.
char32_t DecodeUtf8(std::string_view text, size_t& at) {
  unsigned char lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  if (lead < 0xC2 || lead > 0xF4) return kReplacementCharacter;
  int more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t code_point = lead & (0x3F >> more);
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (; more > 0; --more) {
    if (at == text.size()) return kReplacementCharacter;
    unsigned char c = static_cast<unsigned char>(text[at]);
    if (c < low || c > high) return kReplacementCharacter;
    code_point = code_point << 6 | (c & 0x3F);
    low = 0x80;
    high = 0xBF;
    ++at;
  }
  return code_point;
}

char32_t DecodeUtf8Before(std::string_view text, size_t& at) {
  size_t end = at, start = at - 1;
  while (start > 0 && end - start < 4 && IsContinuation(text[start])) --start;
  size_t reached = start;
  char32_t code_point = DecodeUtf8(text, reached);
  if (reached == end) {
    at = start;
    return code_point;
  }
  at = end - 1;
  return kReplacementCharacter;
}

void AppendUtf8(std::string& text, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacementCharacter;
  auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xC0 | c >> 6), tail(0)};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  } else {
    text += {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
  }
}

bool IsValidUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  for (size_t at = 0; at < text.size();) {
    size_t start = at;
    // A well-formed U+FFFD is no error.
    if (DecodeUtf8(text, at) == kReplacementCharacter &&
        text.substr(start, at - start) != "\xEF\xBF\xBD") {
      return false;
    }
  }
  return true;
}

std::string SanitizeUtf8(std::string_view text) {
  if (IsValidUtf8(text)) return std::string(text);
  std::string clean;
  clean.reserve(text.size() + 16);
  for (size_t at = 0; at < text.size();) AppendUtf8(clean, DecodeUtf8(text, at));
  return clean;
}

size_t CodePointCount(std::string_view text) {
  if (IsAscii(text)) return text.size();
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) DecodeUtf8(text, at);
  return count;
}

size_t GraphemeCount(std::string_view text) {
  if (!IsAscii(text)) return WalkGraphemes(text, SIZE_MAX).first;
  // In ASCII only CR LF is one grapheme of two characters (UAX #29, GB3).
  size_t count = text.size();
  for (size_t at = text.find("\r\n"); at != text.npos; at = text.find("\r\n", at + 2)) --count;
  return count;
}

std::string_view TruncateGraphemes(std::string_view text, size_t count_max) {
  if (text.size() <= count_max) return text;
  return text.substr(0, WalkGraphemes(text, count_max).second);
}

std::string Lowercase(std::string_view text) {
  std::string lower;
  if (IsAscii(text)) {
    lower.assign(text);
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    }
    return lower;
  }
  icu::StringByteSink<std::string> sink(&lower, static_cast<int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, {text.data(), static_cast<int32_t>(text.size())}, sink, nullptr,
                            status);
  STAMPEDE_CHECK(U_SUCCESS(status));
  return lower;
}

std::string_view Trim(std::string_view text) {
  size_t begin = 0, end = text.size();
  for (size_t next = 0; next < end; begin = next) {
    if (!u_isUWhiteSpace(static_cast<UChar32>(DecodeUtf8(text, next)))) break;
  }
  for (size_t next = end; end > begin; end = next) {
    if (!u_isUWhiteSpace(static_cast<UChar32>(DecodeUtf8Before(text, next)))) break;
  }
  return text.substr(begin, end - begin);
}

}  // namespace stampede::codec
