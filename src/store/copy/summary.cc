#include "store/copy/summary.h"

#include "base/mutex.h"
#include "codec/hex.h"
#include "store/copy/state.h"

namespace stampede::store {

namespace {

class Summarizer final : public RowVisitor {
 public:
  explicit Summarizer(WalkProgress& progress) : progress_(progress) {}

  void BeginTable(const Table& table) override {
    table_ = &table;
    table_sum_ = {};
  }
  void OnRow(Row&& row) override {
    uint64_t bytes = row.key.size() + row.value.size();
    ++table_sum_.rows;
    table_sum_.bytes += bytes;
    summer_.Add(row.key, row.value);
    std::string problem = ProblemOf(row.key, row.value);
    if (!problem.empty()) Complain(std::move(problem));
  }
  void EndTable() override {
    if (table_sum_.rows == 0) return;
    progress_.rows += table_sum_.rows;
    progress_.bytes += table_sum_.bytes;
    auto& sum = summary.tables[std::string(table_->name())];
    sum.rows += table_sum_.rows;
    sum.bytes += table_sum_.bytes;
  }
  PartitionSum EndPartition() {
    PartitionSum sum = summer_.Finish();
    summer_ = {};
    return sum;
  }

  StoreSummary summary;  // tables and problems

 private:
  void Complain(std::string problem) {
    ++summary.problems;
    if (summary.examples.size() < kProblemsTold) summary.examples.push_back(std::move(problem));
  }

  WalkProgress& progress_;
  PartitionSummer summer_;
  const Table* table_ = nullptr;
  StoreSummary::TableSum table_sum_;
};

// Adds what one thread found.
void Merge(StoreSummary&& part, StoreSummary& whole) {
  for (const auto& [name, sum] : part.tables) {
    auto& table = whole.tables[name];
    table.rows += sum.rows;
    table.bytes += sum.bytes;
  }
  whole.problems += part.problems;
  for (std::string& example : part.examples) {
    if (whole.examples.size() < kProblemsTold) whole.examples.push_back(std::move(example));
  }
}

}  // namespace

uint64_t StoreSummary::rows() const {
  uint64_t rows = 0;
  for (const PartitionSum& sum : partitions) rows += sum.rows;
  return rows;
}

uint64_t StoreSummary::bytes() const {
  uint64_t bytes = 0;
  for (const PartitionSum& sum : partitions) bytes += sum.bytes;
  return bytes;
}

StoreSummary Summarize(Store& store, unsigned threads, WalkProgress& progress) {
  StoreSummary whole;
  whole.partitions.resize(kPartitionCount);
  Mutex mutex;
  WalkPartitions(threads, [&](unsigned first, unsigned end, const std::atomic<bool>& stop) {
    Summarizer summarizer(progress);
    for (unsigned i = first; i < end && !stop; ++i) {
      VisitPartition(store, Partition(i), summarizer);
      whole.partitions[i] = summarizer.EndPartition();  // each thread has its own elements
      ++progress.partitions;
    }
    MutexLock lock(mutex);
    Merge(std::move(summarizer.summary), whole);
  });
  return whole;
}

std::string ProblemOf(std::string_view key, std::string_view value) {
  std::string shown = "key " + codec::HexEncode(key.substr(0, limits::kKeyBytesMax));
  const Table* table = TableOf(key);
  if (table == nullptr) return shown + " belongs to no table";
  if (static_cast<unsigned>(PartitionOfKey(key)) >= kPartitionCount) {
    return shown + " belongs to no partition";
  }
  shown += " of table " + std::string(table->name());
  if (key.size() > limits::kKeyBytesMax) return shown + " is too long";
  if (table->name().ends_with("_counter") && value.size() != sizeof(int64_t)) {
    return shown + " is a counter of " + std::to_string(value.size()) + " bytes";
  }
  return {};
}

std::vector<Partition> Differences(const std::vector<PartitionSum>& a,
                                   const std::vector<PartitionSum>& b) {
  std::vector<Partition> differing;
  for (unsigned i = 0; i < kPartitionCount; ++i) {
    if (a[i] != b[i]) differing.push_back(Partition(i));
  }
  return differing;
}

}  // namespace stampede::store
