#include "store/memory/memory_store.h"

#include "store/validate.h"

namespace stampede::store {

std::vector<std::optional<std::string>> MemoryStore::MultiGet(std::span<const std::string> keys) {
  for (const auto& key : keys) RequireTable(key);
  if (read_hook_) read_hook_(keys);
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  MutexLock lock(mutex_);
  for (const auto& key : keys) {
    auto found = rows_.find(key);
    values.push_back(found == rows_.end() ? std::nullopt : std::optional(found->second));
  }
  return values;
}

std::vector<std::vector<Row>> MemoryStore::MultiScan(std::span<const ScanRequest> requests) {
  for (const auto& request : requests) ValidateScan(request);
  if (scan_hook_) scan_hook_(requests);
  std::vector<std::vector<Row>> answers;
  answers.reserve(requests.size());
  MutexLock lock(mutex_);
  for (const auto& request : requests) answers.push_back(ScanLocked(request));
  return answers;
}

std::vector<Row> MemoryStore::ScanLocked(const ScanRequest& request) {
  std::vector<Row> rows;
  if (request.range.begin >= request.range.end) return rows;
  auto begin = rows_.lower_bound(request.range.begin);
  auto end = rows_.lower_bound(request.range.end);
  if (request.direction == Direction::kForward) {
    for (; begin != end && rows.size() < request.limit; ++begin) {
      rows.push_back({begin->first, begin->second});
    }
  } else {
    while (begin != end && rows.size() < request.limit) {
      --end;
      rows.push_back({end->first, end->second});
    }
  }
  return rows;
}

bool MemoryStore::Commit(const Batch& batch) {
  ValidateBatch(batch);
  if (commit_hook_) commit_hook_(batch);
  MutexLock lock(mutex_);
  if (!AllHold(batch)) return false;
  for (const auto& write : batch.writes()) Apply(write);
  return true;
}

bool MemoryStore::AllHold(const Batch& batch) {
  for (const auto& expectation : batch.expectations()) {
    auto found = rows_.find(expectation.key);
    std::string_view value;
    if (found != rows_.end()) value = found->second;
    if (!Holds(expectation, found == rows_.end() ? nullptr : &value)) return false;
  }
  return true;
}

void MemoryStore::Apply(const Batch::Write& write) {
  switch (write.kind) {
    case Batch::Kind::kPut:
      rows_[write.key] = write.value;
      break;
    case Batch::Kind::kErase:
      rows_.erase(write.key);
      break;
    case Batch::Kind::kEraseRange:
      if (write.key < write.value) {
        rows_.erase(rows_.lower_bound(write.key), rows_.lower_bound(write.value));
      }
      break;
    case Batch::Kind::kAdd: {
      auto found = rows_.find(write.key);
      int64_t before = found == rows_.end() ? 0 : DecodeCounter(found->second);
      rows_[write.key] = EncodeCounter(AddWrapping(before, write.delta));
      break;
    }
  }
}

std::unique_ptr<Store> MakeMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace stampede::store
