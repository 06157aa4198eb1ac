#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace stampede::bench {

// Draws positions with given weights in constant time: A. J. Walker's alias method, as built by
// M. Vose, "A linear algorithm for generating random numbers with a given distribution", 1991.
// Immutable, thread-safe. 8 bytes a position.
class AliasTable {
 public:
  AliasTable() = default;
  explicit AliasTable(std::span<const double> weights);  // fewer than 2^32, not all zero

  // `bits`: 64 uniformly random ones.
  uint32_t Draw(uint64_t bits) const {
    const Cell& cell = cells_[((bits & UINT32_MAX) * cells_.size()) >> 32];
    return static_cast<uint32_t>(bits >> 32) < cell.threshold
               ? static_cast<uint32_t>(&cell - cells_.data())
               : cell.alias;
  }

 private:
  struct Cell {
    uint32_t threshold = 0;  // of 2^32
    uint32_t alias = 0;
  };
  std::vector<Cell> cells_;
};

// SplitMix64 (prng.di.unimi.it/splitmix64.c): one multiply-xor chain a number; seeds may be any.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t operator()() { return Mix(state_ += 0x9E3779B97F4A7C15u); }
  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

struct GraphOptions {
  uint64_t seed = 1;
  uint32_t accounts = 20'000;
  uint32_t follows = 100;  // of every account, besides the celebrity
  // Of all accounts, how many follow the largest: 22 million of 100 million, as the reference has it.
  double largest_share = 0.22;
  double fan_out = 403;  // followers of a post's author, on average over posts
};

// Who follows whom, as a function: nothing is stored per edge. Account 0 has most followers, the
// next fewer, by a power law whose exponent is solved for the largest share. The last account is a
// celebrity: everybody follows it, besides their own choice, and it is never drawn as an author.
//
// Everybody follows `follows` accounts, so an account has as many followers on average. The average
// over posts is another: who has more followers posts more. Authors are drawn with the weight
// followers^beta, beta solved so that the mean number of followers over posts is `fan_out`.
//
// Immutable, thread-safe. Making one draws every edge once, to count followers: about 0.1 µs an
// edge. Throws std::invalid_argument for what cannot be reached.
class Graph {
 public:
  explicit Graph(const GraphOptions& options);

  const GraphOptions& options() const { return options_; }
  uint32_t accounts() const { return options_.accounts; }
  uint32_t celebrity() const { return options_.accounts - 1; }
  uint32_t follows_each() const { return options_.follows + 1; }
  uint64_t edges() const { return uint64_t{accounts()} * options_.follows + accounts() - 1; }
  // The exponent of the power law, and of the authors' weights.
  double exponent() const { return exponent_; }
  double beta() const { return beta_; }
  double mean_fan_out() const { return mean_fan_out_; }

  // Everybody whom `reader` follows, in the order of following: the celebrity first (unless it is
  // the reader), then each account once, never the reader. Replaces what is in `out`.
  void Follows(uint32_t reader, std::vector<uint32_t>& out) const;
  uint32_t followers(uint32_t author) const { return followers_[author]; }
  // One of a few followers that are remembered; author must have some.
  uint32_t SomeFollower(uint32_t author, uint64_t bits) const;
  uint32_t DrawAuthor(uint64_t bits) const { return authors_.Draw(bits); }

 private:
  static constexpr unsigned kThreads = 2;  // of counting; the result depends on it
  static constexpr unsigned kRemembered = 2;
  struct Counted {
    std::vector<uint32_t> followers;
    std::vector<uint32_t> some;  // kRemembered an author
  };
  Counted Count(uint32_t begin, uint32_t end) const;
  void ChooseAuthors();

  GraphOptions options_;
  double exponent_ = 0, beta_ = 0, mean_fan_out_ = 0;
  AliasTable targets_, authors_;
  std::vector<uint32_t> followers_;
  std::array<Counted, kThreads> counted_;
};

}  // namespace stampede::bench
