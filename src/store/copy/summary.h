#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/copy/row_hash.h"
#include "store/copy/visit.h"

namespace stampede::store {

// What a store holds, and what is wrong with it as far as its keys and tables tell.
struct StoreSummary {
  struct TableSum {
    uint64_t rows = 0;
    uint64_t bytes = 0;
  };
  std::vector<PartitionSum> partitions;  // kPartitionCount of them
  std::map<std::string, TableSum, std::less<>> tables;
  uint64_t problems = 0;
  std::vector<std::string> examples;  // of problems, kProblemsTold at most

  uint64_t rows() const;
  uint64_t bytes() const;
};
inline constexpr size_t kProblemsTold = 20;

// Reads every row of every table. A summary of a store that is written to meanwhile is of no moment.
StoreSummary Summarize(Store& store, unsigned threads, WalkProgress& progress);

// What an engine finds in its own files or tables: rows that scans never meet, as they belong to no
// table or lie where nobody looks for them.
struct Inspection {
  uint64_t problems = 0;
  std::vector<std::string> examples;  // kProblemsTold at most

  void Complain(std::string problem) {
    ++problems;
    if (examples.size() < kProblemsTold) examples.push_back(std::move(problem));
  }
};

// What is wrong with a row; empty when nothing is: the key has a partition, a table and a length that
// there are, and a counter (a table whose name ends in "_counter") has 8 bytes.
std::string ProblemOf(std::string_view key, std::string_view value);

// The partitions in which the two differ.
std::vector<Partition> Differences(const std::vector<PartitionSum>& a,
                                   const std::vector<PartitionSum>& b);

}  // namespace stampede::store
