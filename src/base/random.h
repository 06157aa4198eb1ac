#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>

namespace stampede {

// Where every part of the program gets randomness from, so that tests control it. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;

  uint64_t Bits();
  // Uniform in [0, bound); bound > 0.
  uint32_t Below(uint32_t bound);
  // `bytes` random bytes as URL-safe base64 without padding: for tokens, codes and secrets.
  std::string Token(size_t bytes = 32);
};

// The operating system's cryptographic generator.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> bytes) override;
};

// Repeatable, for tests; they print their seed.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(std::span<uint8_t> bytes) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace stampede
