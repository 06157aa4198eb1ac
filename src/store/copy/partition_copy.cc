#include "store/copy/partition_copy.h"

#include <utility>

#include "base/check.h"

namespace stampede::store {

namespace {

constexpr size_t kBatchBytes = 1024 * 1024;
constexpr size_t kBatchWrites = 2'000;
constexpr size_t kPageRows = 1'000;

static_assert(kBatchBytes + limits::kValueBytesMax + limits::kKeyBytesMax < limits::kBatchBytesMax);

const std::vector<Block> kNoBlocks;

std::string ChecksumOf(const std::vector<Row>& rows) {
  RowHasher hasher;
  for (const Row& row : rows) hasher.Add(row.key, row.value);
  return hasher.Finish();
}

}  // namespace

void BatchedWrites::Put(std::string key, std::string value) {
  batch_.Put(std::move(key), std::move(value));
  FlushIfLarge();
}

void BatchedWrites::Erase(std::string key) {
  batch_.Erase(std::move(key));
  FlushIfLarge();
}

void BatchedWrites::FlushIfLarge() {
  if (batch_.bytes() >= kBatchBytes || batch_.writes().size() >= kBatchWrites) Flush();
}

void BatchedWrites::Flush() {
  if (batch_.empty()) return;
  Batch batch = std::exchange(batch_, {});
  batch.Relax();
  STAMPEDE_CHECK(target_.Commit(batch));  // it expects nothing
}

void BulkLoad::Put(const Row& row) {
  if (!writer_) writer_ = options_.bulk();
  writer_->Put(row.key, row.value);
  bytes_ += row.key.size() + row.value.size();
}

void BulkLoad::Finish() {
  if (writer_) writer_->Finish();
  writer_.reset();
  bytes_ = 0;
  BatchedWrites writes(target_);
  for (Row& record : records_) writes.Put(std::move(record.key), std::move(record.value));
  writes.Flush();
  records_.clear();
}

PartitionCopy::PartitionCopy(Store& target, Partition partition, const CopyOptions& options,
                             CopyProgress& progress, BulkLoad& bulk)
    : target_(target),
      partition_(partition),
      options_(options),
      progress_(progress),
      bulk_(bulk),
      writes_(target) {}

void PartitionCopy::Run(Store& source, PartitionSum* sum) {
  state_ = LoadState(target_, partition_);
  bool untouched = !state_.whole && state_.blocks.empty() && IsEmpty(target_, partition_);
  known_ = state_.whole || untouched;
  loading_ = untouched && bulk_.possible();
  if (sum != nullptr) summer_.emplace();
  VisitPartition(source, partition_, *this);
  if (!state_.whole) Record(WholeKey(partition_), {});
  writes_.Flush();
  if (sum != nullptr) *sum = summer_->Finish();
}

void PartitionCopy::BeginTable(const Table& table) {
  KeyRange range = KeyRange::Prefix(Key(partition_, table).str());
  auto found = state_.blocks.find(table.byte());
  blocks_ = found == state_.blocks.end() ? &kNoBlocks : &found->second;
  next_block_ = 0;
  table_end_ = std::move(range.end);
  start_ = std::move(range.begin);
  inside_ = false;
  recorded_ = nullptr;
  if (const Block* first = NextBlock(); first != nullptr && first->start == start_) {
    recorded_ = first;
    ++next_block_;
  }
}

void PartitionCopy::OnRow(Row&& row) {
  while (NextBlock() != nullptr && row.key >= NextBlock()->start) {
    Close(std::string(NextBlock()->start));
  }
  bool full = chunk_.size() >= options_.block_rows || chunk_bytes_ >= options_.block_bytes;
  if (full && row.key.size() <= kBlockStartBytesMax) Close(row.key);
  chunk_bytes_ += row.key.size() + row.value.size();
  if (summer_) summer_->Add(row.key, row.value);
  chunk_.push_back(std::move(row));
}

void PartitionCopy::EndTable() {
  while (NextBlock() != nullptr) Close(std::string(NextBlock()->start));
  Close(table_end_);
}

void PartitionCopy::Close(const std::string& end) {
  progress_.rows += chunk_.size();
  progress_.bytes += chunk_bytes_;
  const std::string& block_end = NextBlock() == nullptr ? table_end_ : NextBlock()->start;
  bool whole_block = end == block_end;
  std::string checksum = chunk_.empty() ? std::string() : ChecksumOf(chunk_);
  if (!chunk_.empty()) ++progress_.blocks;
  bool unchanged = recorded_ != nullptr && whole_block && recorded_->checksum == checksum;
  if (!unchanged) Write(end, recorded_, std::move(checksum));

  inside_ = !whole_block && (inside_ || recorded_ != nullptr);
  recorded_ = nullptr;
  start_ = end;
  chunk_.clear();
  chunk_bytes_ = 0;
  if (NextBlock() != nullptr && NextBlock()->start == start_) {
    recorded_ = NextBlock();
    ++next_block_;
  }
}

void PartitionCopy::Write(const std::string& end, const Block* recorded, std::string checksum) {
  bool nothing_there = known_ && recorded == nullptr && !inside_;
  if (nothing_there && chunk_.empty()) return;
  if (nothing_there) {
    for (const Row& row : chunk_) PutRow(row);
  } else {
    Equalize(end);
  }
  if (!chunk_.empty()) {
    ++progress_.blocks_changed;
    Record(BlockKey(start_), std::move(checksum));
  } else if (recorded != nullptr) {
    writes_.Erase(BlockKey(start_));
  }
}

void PartitionCopy::Equalize(const std::string& end) {
  ScanRequest request{.range = {start_, end}, .limit = kPageRows};
  auto next = chunk_.begin();
  while (true) {
    std::vector<Row> page = target_.Scan(request);
    for (const Row& old : page) {
      while (next != chunk_.end() && next->key < old.key) PutRow(*next++);
      if (next == chunk_.end() || next->key != old.key) {
        EraseRow(old.key);
      } else {
        if (next->value != old.value) PutRow(*next);
        ++next;
      }
    }
    if (page.size() < kPageRows) break;
    request.range.begin = page.back().key + '\0';
  }
  while (next != chunk_.end()) PutRow(*next++);
}

void PartitionCopy::PutRow(const Row& row) {
  ++progress_.rows_written;
  if (loading_) {
    bulk_.Put(row);
  } else {
    writes_.Put(row.key, row.value);
  }
}

void PartitionCopy::EraseRow(const std::string& key) {
  ++progress_.rows_erased;
  writes_.Erase(key);
}

void PartitionCopy::Record(std::string key, std::string value) {
  if (loading_) {
    bulk_.Record(std::move(key), std::move(value));
  } else {
    writes_.Put(std::move(key), std::move(value));
  }
}

}  // namespace stampede::store
