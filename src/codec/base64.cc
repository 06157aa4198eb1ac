#include "codec/base64.h"

#include <array>
#include <cstdint>

namespace stampede::codec {
namespace {

constexpr char kStandard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlSafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The six bits of a character of either alphabet, or -1.
constexpr std::array<int8_t, 256> kValues = [] {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 64; ++i) {
    table[static_cast<unsigned char>(kStandard[i])] = static_cast<int8_t>(i);
    table[static_cast<unsigned char>(kUrlSafe[i])] = static_cast<int8_t>(i);
  }
  return table;
}();

std::string Encode(std::string_view bytes, const char* alphabet, bool padded) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  uint32_t held = 0;
  int held_bits = 0;
  for (unsigned char c : bytes) {
    held = held << 8 | c;
    for (held_bits += 8; held_bits >= 6; held_bits -= 6) {
      text += alphabet[held >> (held_bits - 6) & 63];
    }
  }
  if (held_bits > 0) text += alphabet[held << (6 - held_bits) & 63];
  while (padded && text.size() % 4 != 0) text += '=';
  return text;
}

}  // namespace

std::string Base64Encode(std::string_view bytes) { return Encode(bytes, kStandard, true); }
std::string Base64UrlEncode(std::string_view bytes) { return Encode(bytes, kUrlSafe, false); }

std::optional<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int pad = 0; pad < 2 && text.ends_with('='); ++pad) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t held = 0;
  int held_bits = 0;
  for (unsigned char c : text) {
    if (kValues[c] < 0) return std::nullopt;
    held = held << 6 | static_cast<uint32_t>(kValues[c]);
    held_bits += 6;
    if (held_bits >= 8) {
      held_bits -= 8;
      bytes += static_cast<char>(held >> held_bits);
    }
  }
  if ((held & ((1u << held_bits) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace stampede::codec
