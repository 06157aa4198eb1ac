#include "store/validate.h"

#include <algorithm>
#include <stdexcept>

namespace stampede::store {
namespace {

[[noreturn]] void Refuse(const std::string& why) { throw std::logic_error("store: " + why); }

const Table& CheckKey(std::string_view key) {
  if (key.size() > limits::kKeyBytesMax) Refuse("a key is longer than kKeyBytesMax");
  return RequireTable(key);
}

void CheckRange(std::string_view begin, std::string_view end) {
  CheckKey(begin);
  if (end > PrefixEnd(begin.substr(0, 3))) Refuse("a range leaves its partition and table");
}

void CheckWrite(const Batch::Write& write) {
  if (write.kind == Batch::Kind::kEraseRange) return CheckRange(write.key, write.value);
  CheckKey(write.key);
  if (write.value.size() > limits::kValueBytesMax) Refuse("a value exceeds kValueBytesMax");
}

// Pre: sorted by key. A batch has no order, so what it does to one key must not depend on it.
void CheckOncePerKey(const std::vector<const Batch::Write*>& sorted) {
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i]->key != sorted[i - 1]->key) continue;
    bool both_add =
        sorted[i]->kind == Batch::Kind::kAdd && sorted[i - 1]->kind == Batch::Kind::kAdd;
    if (!both_add) {
      Refuse("one batch writes a key twice in table " +
             std::string(TableOf(sorted[i]->key)->name()));
    }
  }
}

}  // namespace

const Table& RequireTable(std::string_view key) {
  const Table* table = TableOf(key);
  if (table == nullptr) Refuse("a key belongs to no table");
  return *table;
}

void ValidateBatch(const Batch& batch) {
  if (batch.bytes() > limits::kBatchBytesMax) Refuse("a batch exceeds kBatchBytesMax");
  for (const auto& expectation : batch.expectations()) CheckKey(expectation.key);

  std::vector<const Batch::Write*> points;
  points.reserve(batch.writes().size());
  for (const auto& write : batch.writes()) {
    CheckWrite(write);
    if (write.kind != Batch::Kind::kEraseRange) points.push_back(&write);
  }
  auto key_of = [](const Batch::Write* write) -> const std::string& { return write->key; };
  std::ranges::sort(points, {}, key_of);
  CheckOncePerKey(points);

  if (points.size() == batch.writes().size()) return;
  for (const auto& write : batch.writes()) {
    if (write.kind != Batch::Kind::kEraseRange) continue;
    auto inside = std::ranges::lower_bound(points, write.key, {}, key_of);
    if (inside != points.end() && (*inside)->key < write.value) {
      Refuse("one batch writes a key and erases a range around it");
    }
  }
}

void ValidateScan(const ScanRequest& request) {
  CheckRange(request.range.begin, request.range.end);
  if (request.limit > limits::kScanRowsMax) Refuse("a scan asks for more than kScanRowsMax rows");
}

bool Holds(const Batch::Expectation& expectation, const std::string_view* value) {
  switch (expectation.condition) {
    case Batch::Condition::kAbsent:
      return value == nullptr;
    case Batch::Condition::kPresent:
      return value != nullptr;
    case Batch::Condition::kEquals:
      return value != nullptr && *value == expectation.value;
  }
  return false;
}

}  // namespace stampede::store
