#include "bench/graph.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/check.h"

namespace stampede::bench {
namespace {

// The x between `low` and `high` with rising(x) == wanted, as near as doubles go.
double Solve(double low, double high, double wanted, const std::function<double(double)>& rising) {
  for (int i = 0; i < 60; ++i) {
    double middle = (low + high) / 2;
    (rising(middle) < wanted ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Ranks 1 to n, those far down taken together, so that sums over all take microseconds.
struct RankGroup {
  double rank;   // the middle one
  double count;  // how many
};

std::vector<RankGroup> GroupRanks(uint32_t n) {
  std::vector<RankGroup> groups;
  for (uint64_t first = 1; first <= n;) {
    uint64_t count = std::min<uint64_t>(std::max<uint64_t>(1, first / 256), n - first + 1);
    groups.push_back({static_cast<double>(2 * first + count - 1) / 2, static_cast<double>(count)});
    first += count;
  }
  return groups;
}

// The share of all readers who have the first rank among `follows` distinct draws, each of rank r
// with a probability in proportion to r^-exponent. That many distinct ones take `draws` draws, on
// average, in which rank r comes up with probability 1 - (1 - p)^draws.
double LargestShare(const std::vector<RankGroup>& groups, double exponent, double follows) {
  double total = 0;
  for (const auto& group : groups) total += group.count * std::pow(group.rank, -exponent);
  auto found = [&](double rank, double draws) {
    return -std::expm1(draws * std::log1p(-std::pow(rank, -exponent) / total));
  };
  double draws = Solve(follows, follows * 1000, follows, [&](double draws) {
    double distinct = 0;
    for (const auto& group : groups) distinct += group.count * found(group.rank, draws);
    return distinct;
  });
  return found(1, draws);
}

double MeanFanOut(const std::map<uint32_t, double>& accounts_by_followers, double beta) {
  double weights = 0, weighted = 0;
  for (auto [followers, accounts] : accounts_by_followers) {
    double weight = accounts * std::pow(followers, beta);
    weights += weight;
    weighted += weight * followers;
  }
  return weighted / weights;
}

}  // namespace

AliasTable::AliasTable(std::span<const double> weights) : cells_(weights.size()) {
  double total = 0;
  for (double weight : weights) total += weight;
  STAMPEDE_CHECK(total > 0 && weights.size() < UINT32_MAX);
  std::vector<double> scaled(weights.begin(), weights.end());
  std::vector<uint32_t> small, large;
  for (uint32_t i = 0; i < scaled.size(); ++i) {
    scaled[i] *= static_cast<double>(scaled.size()) / total;
    (scaled[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    uint32_t below = small.back(), above = large.back();
    small.pop_back();
    cells_[below] = {static_cast<uint32_t>(std::min(scaled[below] * 0x1p32, 0x1p32 - 1)), above};
    scaled[above] -= 1 - scaled[below];
    if (scaled[above] >= 1) continue;
    large.pop_back();
    small.push_back(above);
  }
  // What rounding has left over is whole.
  for (auto* rest : {&small, &large}) {
    for (uint32_t i : *rest) cells_[i] = {UINT32_MAX, i};
  }
}

Graph::Graph(const GraphOptions& options) : options_(options) {
  if (options.follows == 0 || options.accounts < 4 * uint64_t{options.follows}) {
    throw std::invalid_argument("a graph needs at least four times as many accounts as follows");
  }
  if (uint64_t{options.accounts} * follows_each() > UINT32_MAX) {
    throw std::invalid_argument("a graph can have 4 billion edges at most");
  }
  auto groups = GroupRanks(accounts() - 1);
  auto share = [&](double exponent) { return LargestShare(groups, exponent, options.follows); };
  exponent_ = Solve(0, 2, options.largest_share, share);
  std::vector<double> weights(accounts());
  for (uint32_t i = 0; i + 1 < accounts(); ++i) weights[i] = std::pow(i + 1, -exponent_);
  targets_ = AliasTable(weights);

  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    auto begin = static_cast<uint32_t>(uint64_t{accounts()} * i / kThreads);
    auto end = static_cast<uint32_t>(uint64_t{accounts()} * (i + 1) / kThreads);
    threads.emplace_back([this, i, begin, end] { counted_[i] = Count(begin, end); });
  }
  threads.clear();  // waits
  followers_.resize(accounts());
  for (const Counted& counted : counted_) {
    for (uint32_t i = 0; i < accounts(); ++i) followers_[i] += counted.followers[i];
  }
  ChooseAuthors();
}

void Graph::ChooseAuthors() {
  std::map<uint32_t, double> accounts_by_followers;
  for (uint32_t i = 0; i < celebrity(); ++i) {
    if (followers_[i] > 0) accounts_by_followers[followers_[i]] += 1;
  }
  auto mean = [&](double beta) { return MeanFanOut(accounts_by_followers, beta); };
  constexpr double kSteepest = 8;
  if (options_.fan_out < mean(-kSteepest) || options_.fan_out > mean(kSteepest)) {
    throw std::invalid_argument(
        "a fan-out of " + std::to_string(options_.fan_out) + " is out of reach; possible here: " +
        std::to_string(mean(-kSteepest)) + " to " + std::to_string(mean(kSteepest)));
  }
  beta_ = Solve(-kSteepest, kSteepest, options_.fan_out, mean);
  mean_fan_out_ = mean(beta_);
  std::vector<double> weights(accounts());
  for (uint32_t i = 0; i < celebrity(); ++i) {
    if (followers_[i] > 0) weights[i] = std::pow(followers_[i], beta_);
  }
  authors_ = AliasTable(weights);
}

Graph::Counted Graph::Count(uint32_t begin, uint32_t end) const {
  Counted counted;
  counted.followers.resize(accounts());
  counted.some.resize(size_t{accounts()} * kRemembered);
  std::vector<uint32_t> follows;
  SplitMix random(options_.seed + begin);
  for (uint32_t reader = begin; reader < end; ++reader) {
    Follows(reader, follows);
    for (uint32_t author : follows) {
      uint32_t before = counted.followers[author]++;
      // Early ones and, now and then, later ones.
      if (before < kRemembered || (random() & 15) == 0) {
        counted.some[size_t{author} * kRemembered + before % kRemembered] = reader;
      }
    }
  }
  return counted;
}

void Graph::Follows(uint32_t reader, std::vector<uint32_t>& out) const {
  out.clear();
  // A set of those drawn already: open addressing, at most half full; 0 is an empty cell.
  const size_t size = std::bit_ceil(2 * size_t{options_.follows} + 4);
  thread_local std::vector<uint32_t> seen;
  seen.assign(size, 0);
  auto is_new = [size](uint32_t account) {
    size_t at = (account * 0x9E3779B1u >> 7) & (size - 1);
    while (seen[at] != 0 && seen[at] != account + 1) at = (at + 1) & (size - 1);
    return std::exchange(seen[at], account + 1) == 0;
  };
  is_new(reader);
  if (reader != celebrity()) out.push_back(celebrity());
  SplitMix random(SplitMix::Mix(options_.seed) ^ (uint64_t{reader} << 20));
  const size_t whole = out.size() + options_.follows;
  while (out.size() < whole) {
    uint32_t account = targets_.Draw(random());
    if (is_new(account)) out.push_back(account);
  }
}

uint32_t Graph::SomeFollower(uint32_t author, uint64_t bits) const {
  STAMPEDE_CHECK(followers_[author] > 0);
  for (unsigned i = 0;; ++i) {
    const Counted& counted = counted_[(bits + i) % kThreads];
    uint32_t known = std::min(counted.followers[author], kRemembered);
    if (known > 0) return counted.some[size_t{author} * kRemembered + (bits >> 8) % known];
  }
}

}  // namespace stampede::bench
