#include "store/store.h"

#include <stdexcept>

#include "base/check.h"
#include "base/error.h"

namespace stampede::store {

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  // A prefix begins with a partition, which is below 0x1000, so there is always a byte to raise.
  STAMPEDE_CHECK(!end.empty());
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

void Batch::Put(std::string key, std::string value) {
  bytes_ += key.size() + value.size();
  writes_.push_back({Kind::kPut, std::move(key), std::move(value)});
}

void Batch::Erase(std::string key) {
  bytes_ += key.size();
  writes_.push_back({Kind::kErase, std::move(key), {}});
}

void Batch::EraseRange(KeyRange range) {
  bytes_ += range.begin.size() + range.end.size();
  writes_.push_back({Kind::kEraseRange, std::move(range.begin), std::move(range.end)});
}

void Batch::Add(std::string key, int64_t delta) {
  bytes_ += key.size() + sizeof(delta);
  writes_.push_back({Kind::kAdd, std::move(key), {}, delta});
}

void Batch::ExpectAbsent(std::string key) {
  bytes_ += key.size();
  expectations_.push_back({Condition::kAbsent, std::move(key), {}});
}

void Batch::ExpectPresent(std::string key) {
  bytes_ += key.size();
  expectations_.push_back({Condition::kPresent, std::move(key), {}});
}

void Batch::ExpectUnchanged(std::string key, const std::optional<std::string>& value_read) {
  if (!value_read) return ExpectAbsent(std::move(key));
  bytes_ += key.size() + value_read->size();
  expectations_.push_back({Condition::kEquals, std::move(key), *value_read});
}

std::optional<std::string> Store::Get(std::string_view key) {
  std::string copy(key);
  return std::move(MultiGet({&copy, 1}).front());
}

std::vector<Row> Store::Scan(ScanRequest request) {
  return std::move(MultiScan({&request, 1}).front());
}

int64_t DecodeCounter(const std::optional<std::string>& value) {
  if (!value) return 0;
  if (value->size() != sizeof(uint64_t)) throw std::runtime_error("store: not a counter");
  uint64_t bits = 0;
  for (char byte : *value) bits = bits << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(bits);
}

std::string EncodeCounter(int64_t value) {
  auto bits = static_cast<uint64_t>(value);
  std::string bytes(sizeof(bits), '\0');
  for (size_t i = sizeof(bits); i-- > 0; bits >>= 8) bytes[i] = static_cast<char>(bits);
  return bytes;
}

void ThrowTooManyConflicts() {
  throw Error(ErrorCode::kConflict, "Too many simultaneous changes, please try again",
              "store: every attempt to commit met a failed expectation");
}

}  // namespace stampede::store
