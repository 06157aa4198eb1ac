#include "base/random.h"

#include <sys/random.h>

#include <algorithm>

#include "base/check.h"

namespace stampede {

uint64_t Random::Bits() {
  uint64_t bits;
  Fill({reinterpret_cast<uint8_t*>(&bits), sizeof bits});
  return bits;
}

uint32_t Random::Below(uint32_t bound) {
  // Lemire's multiply-shift; the bias of 2^-32 does not matter for what draws from here.
  return static_cast<uint32_t>(((Bits() >> 32) * bound) >> 32);
}

std::string Random::Token(size_t bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string raw(bytes, '\0');
  Fill({reinterpret_cast<uint8_t*>(raw.data()), raw.size()});
  std::string text;
  unsigned bits = 0, held = 0;
  for (unsigned char c : raw) {
    bits = (bits << 8) | c;
    for (held += 8; held >= 6; held -= 6) text += kAlphabet[(bits >> (held - 6)) & 63];
  }
  if (held) text += kAlphabet[(bits << (6 - held)) & 63];
  return text;
}

void SystemRandom::Fill(std::span<uint8_t> bytes) {
  // A per-thread pool, because a system call per id would cost more than the id.
  struct Pool {
    uint8_t bytes[256];
    size_t used = sizeof bytes;
  };
  thread_local Pool pool;
  if (bytes.size() > sizeof pool.bytes) {
    for (size_t at = 0; at < bytes.size(); at += 256) {
      auto part = bytes.subspan(at, std::min<size_t>(256, bytes.size() - at));
      STAMPEDE_CHECK(getrandom(part.data(), part.size(), 0) == static_cast<ssize_t>(part.size()));
    }
    return;
  }
  if (pool.used + bytes.size() > sizeof pool.bytes) {
    STAMPEDE_CHECK(getrandom(pool.bytes, sizeof pool.bytes, 0) == sizeof pool.bytes);
    pool.used = 0;
  }
  std::copy_n(pool.bytes + pool.used, bytes.size(), bytes.begin());
  std::fill_n(pool.bytes + pool.used, bytes.size(), 0);
  pool.used += bytes.size();
}

void SeededRandom::Fill(std::span<uint8_t> bytes) {
  std::lock_guard lock(mutex_);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(engine_());
}

}  // namespace stampede
