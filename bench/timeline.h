#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/graph_world.h"

namespace stampede::bench {

// A post or boost that the server acknowledged.
struct AckedEntry {
  uint64_t id = 0;
  uint64_t original = 0;  // what it boosts, or itself
  int64_t acked_us = 0;   // Clock::MonotonicUs
};

// What home timelines must show, by the graph and everything that was acknowledged since `Expected`
// began to be told. Not thread-safe.
class ExpectedTimelines {
 public:
  explicit ExpectedTimelines(const GraphWorld& world)
      : world_(world), by_author_(world.graph().accounts()) {}

  // False when it is known already: who boosts again gets the same boost.
  bool Add(uint32_t author, AckedEntry entry);

  // The entries of everybody whom the reader follows, and the reader's, newest first.
  std::vector<AckedEntry> Candidates(uint32_t reader, uint64_t from) const;
  // Without the boosts that are left out because one of the limits::kBoostWindow entries before
  // them shows the same.
  std::vector<uint64_t> Home(uint32_t reader) const;

  uint64_t entries() const { return entries_; }
  // Into how many feeds they went, the authors' own included, if all are active.
  uint64_t deliveries() const { return deliveries_; }

 private:
  const GraphWorld& world_;
  std::vector<std::vector<AckedEntry>> by_author_;
  uint64_t entries_ = 0, deliveries_ = 0;
};

// Compares a home page, as it was read while others were posting, with what it must be: in order,
// nothing in it that the reader does not follow, every post in it that was acknowledged `kGraceUs`
// before it was asked for. Not thread-safe.
class PageChecker {
 public:
  static constexpr int64_t kGraceUs = 5'000'000;

  // Ids up to `begin` are older than the expected timelines. Both outlive the checker.
  PageChecker(const ExpectedTimelines& expected, uint64_t begin)
      : expected_(expected), begin_(begin) {}

  // Returns what is wrong; empty: nothing.
  std::string Check(uint32_t reader, std::span<const StatusId> page, size_t limit,
                    int64_t asked_us);
  // Of entries whose acknowledgement was still under way when a page showed them: to be called when
  // all replies are there.
  std::string CheckRest() const;
  uint64_t pages() const { return pages_; }

 private:
  struct Shown {
    uint32_t reader;
    uint64_t id;
  };
  const ExpectedTimelines& expected_;
  uint64_t begin_;
  uint64_t pages_ = 0;
  std::vector<Shown> unexplained_;
};

// Reads the newest entries of a reader's home, at most 400 of those expected, and compares them one
// by one. Throws std::runtime_error with the first difference.
void VerifyHome(const GraphWorld& world, const ExpectedTimelines& expected, uint16_t port,
                uint32_t reader);

}  // namespace stampede::bench
