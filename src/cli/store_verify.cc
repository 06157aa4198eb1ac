#include "cli/store_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "app/store_side.h"
#include "base/clock.h"
#include "cli/progress.h"
#include "codec/hex.h"
#include "store/copy/summary.h"

namespace stampede::cli {

namespace {

constexpr size_t kDifferencesTold = 20;

void TellPartitions(const store::StoreSummary& summary) {
  for (size_t i = 0; i < summary.partitions.size(); ++i) {
    const store::PartitionSum& sum = summary.partitions[i];
    if (sum.rows == 0) continue;
    std::cout << fmt::format("partition {} rows {} bytes {} checksum {}\n", i, sum.rows, sum.bytes,
                             codec::HexEncode(sum.checksum));
  }
}

void TellTables(const store::StoreSummary& summary) {
  for (const auto& [name, sum] : summary.tables) {
    std::cout << fmt::format("  {:<24} {:>14} rows {:>12}\n", name, Grouped(sum.rows),
                             Size(sum.bytes));
  }
}

// One checksum for everything.
std::string TotalChecksum(const store::StoreSummary& summary) {
  store::RowHasher hasher;
  for (const auto& sum : summary.partitions) hasher.Add(std::to_string(sum.rows), sum.checksum);
  return codec::HexEncode(hasher.Finish());
}

store::StoreSummary Check(const std::string& where, const VerifyFlags& flags) {
  SystemClock clock;
  auto side = app::StoreSide::Parse(where);
  app::StoreView view = side->Check();
  store::WalkProgress progress;
  store::StoreSummary summary;
  {
    ProgressLine line("verify", progress, clock);
    summary = store::Summarize(*view.store, flags.threads, progress);
  }
  summary.problems += view.inspection.problems;
  std::ranges::move(view.inspection.examples, std::back_inserter(summary.examples));
  std::cout << side->name() << ": " << Grouped(summary.rows()) << " rows, " << Size(summary.bytes())
            << ", checksum " << TotalChecksum(summary) << "\n";
  if (flags.partitions) TellPartitions(summary);
  TellTables(summary);
  for (const std::string& problem : summary.examples) std::cout << "problem: " << problem << "\n";
  std::cout << Grouped(summary.problems) << " problems\n";
  return summary;
}

}  // namespace

int VerifyStore(const VerifyFlags& flags) {
  store::StoreSummary mine = Check(flags.store, flags);
  bool good = mine.problems == 0;
  if (flags.against.empty()) return good ? 0 : 1;

  store::StoreSummary other = Check(flags.against, flags);
  auto differing = store::Differences(mine.partitions, other.partitions);
  for (size_t i = 0; i < differing.size() && i < kDifferencesTold; ++i) {
    auto number = static_cast<size_t>(differing[i]);
    std::cout << fmt::format("partition {} differs: {} and {} rows\n", number,
                             mine.partitions[number].rows, other.partitions[number].rows);
  }
  std::cout << differing.size() << " of " << kPartitionCount << " partitions differ\n";
  return good && other.problems == 0 && differing.empty() ? 0 : 1;
}

}  // namespace stampede::cli
