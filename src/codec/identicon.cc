#include "codec/identicon.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/check.h"

namespace stampede::codec {
namespace {

using Colour = std::array<uint8_t, 3>;

// Draws from a seed, so that every part of a picture is independent of the others (splitmix64,
// https://prng.di.unimi.it/splitmix64.c).
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed) {}
  uint32_t Below(uint32_t bound) {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<uint32_t>((z ^ (z >> 31)) >> 32) % bound;
  }

 private:
  uint64_t state_;
};

// https://en.wikipedia.org/wiki/HSL_and_HSV#HSL_to_RGB_alternative; hue in degrees, the rest 0
// to 1.
Colour FromHsl(uint32_t hue, double saturation, double lightness) {
  double reach = saturation * std::min(lightness, 1 - lightness);
  auto channel = [&](int n) {
    double k = std::fmod(n + hue / 30.0, 12);
    double value = lightness - reach * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
    return static_cast<uint8_t>(std::lround(value * 255));
  };
  return {channel(0), channel(8), channel(4)};
}

void AppendBigEndian(std::string& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
}

void AppendChunk(std::string& png, std::string_view type, std::string_view body) {
  AppendBigEndian(png, static_cast<uint32_t>(body.size()));
  size_t start = png.size();
  png += type;
  png += body;
  uLong crc = crc32(0, reinterpret_cast<const Bytef*>(png.data() + start),
                    static_cast<uInt>(png.size() - start));
  AppendBigEndian(png, static_cast<uint32_t>(crc));
}

// A PNG (RFC 2083) of 8 bits a channel without alpha; pixel(x, y) gives the colours.
template <class Pixel>
std::string EncodePng(int width, int height, Pixel pixel) {
  constexpr char kFilterSub = 1;  // each byte minus the same channel of the pixel on its left
  std::string raw;
  raw.reserve(static_cast<size_t>(height) * (1 + 3 * static_cast<size_t>(width)));
  for (int y = 0; y < height; ++y) {
    raw += kFilterSub;
    Colour left{};
    for (int x = 0; x < width; ++x) {
      Colour colour = pixel(x, y);
      for (size_t i = 0; i < 3; ++i) raw += static_cast<char>(colour[i] - left[i]);
      left = colour;
    }
  }
  uLongf packed_bytes = compressBound(raw.size());
  std::string packed(packed_bytes, '\0');
  int status =
      compress2(reinterpret_cast<Bytef*>(packed.data()), &packed_bytes,
                reinterpret_cast<const Bytef*>(raw.data()), raw.size(), Z_BEST_COMPRESSION);
  STAMPEDE_CHECK(status == Z_OK);
  packed.resize(packed_bytes);

  std::string header;
  AppendBigEndian(header, static_cast<uint32_t>(width));
  AppendBigEndian(header, static_cast<uint32_t>(height));
  header += std::string_view("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, not interlaced
  std::string png = "\x89PNG\r\n\x1A\n";
  AppendChunk(png, "IHDR", header);
  AppendChunk(png, "IDAT", packed);
  AppendChunk(png, "IEND", {});
  return png;
}

}  // namespace

std::string AvatarPng(uint64_t seed, int size_px) {
  STAMPEDE_CHECK(size_px >= 16 && size_px <= 1024);
  constexpr int kCells = 5, kUnits = 7;  // a cell of margin around 5 × 5
  Draw draw(seed);
  uint32_t hue = draw.Below(360);
  Colour background = FromHsl(hue, 0.45, 0.90);
  Colour figure = FromHsl((hue + 330 + draw.Below(60)) % 360, 0.50, 0.52);
  bool filled[kCells][kCells] = {};
  for (auto& row : filled) {
    for (int column = 0; column <= kCells / 2; ++column) {
      row[column] = row[kCells - 1 - column] = draw.Below(100) < 55;
    }
  }
  filled[kCells / 2][kCells / 2] = true;  // never an empty picture
  return EncodePng(size_px, size_px, [&](int x, int y) {
    int column = x * kUnits / size_px - 1, row = y * kUnits / size_px - 1;
    bool inside = column >= 0 && column < kCells && row >= 0 && row < kCells;
    return inside && filled[row][column] ? figure : background;
  });
}

std::string HeaderPng(uint64_t seed, int width_px, int height_px) {
  STAMPEDE_CHECK(width_px >= 16 && width_px <= 4096 && height_px >= 16 && height_px <= 4096);
  Draw draw(seed);
  uint32_t hue = draw.Below(360);
  Colour from = FromHsl(hue, 0.50, 0.80),
         to = FromHsl((hue + 30 + draw.Below(60)) % 360, 0.45, 0.58);
  int steps = width_px + height_px - 2;
  return EncodePng(width_px, height_px, [&](int x, int y) {
    Colour colour;
    for (size_t i = 0; i < 3; ++i) {
      colour[i] = static_cast<uint8_t>(from[i] + (to[i] - from[i]) * (x + y) / steps);
    }
    return colour;
  });
}

}  // namespace stampede::codec
