#pragma once

#include <cstdint>
#include <string>

// Default pictures, drawn from a number: the same seed always gives the same bytes. PNG files
// (RFC 2083), a few kilobytes each. Thread-safe. Costs a few milliseconds.
namespace stampede::codec {

// A square, left-right symmetric figure on a soft background; 16 <= size_px <= 1024.
std::string AvatarPng(uint64_t seed, int size_px);
// A soft diagonal gradient; both sides 16 to 4096 pixels.
std::string HeaderPng(uint64_t seed, int width_px, int height_px);

}  // namespace stampede::codec
