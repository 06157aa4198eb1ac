#include "codec/json_writer.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "codec/utf8.h"

namespace stampede::codec {
namespace {

// What a byte inside a string needs: 0 nothing, 'u' \u00XX, 'x' a look at its UTF-8 sequence, any
// other letter that short escape (RFC 8259, section 7).
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> table{};
  for (int c = 0; c < 0x20; ++c) table[c] = 'u';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['"'] = '"';
  table['\\'] = '\\';
  for (int c = 0x80; c < 0x100; ++c) table[c] = 'x';
  return table;
}();

// How many of the 8 bytes come before the first control, '"', '\\' or byte above ASCII. A borrow
// between bytes only disturbs those after the first hit, so the lowest bit is exact.
size_t PlainPrefix8(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  constexpr uint64_t kOnes = 0x0101010101010101u, kTops = 0x8080808080808080u;
  uint64_t control = word - kOnes * 0x20;
  uint64_t quote = (word ^ (kOnes * '"')) - kOnes;
  uint64_t backslash = (word ^ (kOnes * '\\')) - kOnes;
  uint64_t hits = (word | control | quote | backslash) & kTops;
  return static_cast<size_t>(std::countr_zero(hits)) / 8;  // 8 if none
}

void AppendEscape(std::string& text, unsigned char c, char escape) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (escape == 'u') {
    const char sequence[] = {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
    text.append(sequence, sizeof sequence);
  } else {
    text += '\\';
    text += escape;
  }
}

}  // namespace

void JsonWriter::AppendQuoted(std::string_view value) {
  text_ += '"';
  size_t run = 0, at = 0;  // [run, at) is checked and not yet appended
  while (at < value.size()) {
    if (at + 8 <= value.size()) {
      size_t plain = PlainPrefix8(value.data() + at);
      at += plain;
      if (plain == 8) continue;
    }
    unsigned char c = static_cast<unsigned char>(value[at]);
    char escape = kEscapes[c];
    if (escape == 0) {
      ++at;
    } else if (escape == 'x') {
      size_t start = at;
      // U+FFFD itself is three bytes; anything ill-formed is replaced by it.
      if (DecodeUtf8(value, at) != kReplacementCharacter) continue;
      text_.append(value, run, start - run);
      text_ += "\xEF\xBF\xBD";
      run = at;
    } else {
      text_.append(value, run, at - run);
      AppendEscape(text_, c, escape);
      run = ++at;
    }
  }
  text_.append(value, run, at - run);
  text_ += '"';
}

JsonWriter& JsonWriter::Int(int64_t value) {
  Separate();
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  text_.append(digits, end);
  return *this;
}

JsonWriter& JsonWriter::Uint(uint64_t value) {
  Separate();
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  text_.append(digits, end);
  return *this;
}

JsonWriter& JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  Separate();
  char digits[32];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  text_.append(digits, end);
  return *this;
}

JsonWriter& JsonWriter::QuotedUint(uint64_t value) {
  Separate();
  char digits[22] = {'"'};
  auto [end, error] = std::to_chars(digits + 1, digits + 21, value);
  *end = '"';
  text_.append(digits, end + 1);
  return *this;
}

}  // namespace stampede::codec
