#include "store/copy/row_hash.h"

#include <algorithm>

#include "codec/crypto.h"

namespace stampede::store {

namespace {
constexpr size_t kStepBytes = 64 * 1024;
constexpr size_t kChecksumBytes = 16;
}  // namespace

void RowHasher::Add(std::string_view key, std::string_view value) {
  AddLength(key.size());
  AddBytes(key);
  AddLength(value.size());
  AddBytes(value);
}

std::string RowHasher::Finish() {
  std::string checksum = codec::Sha256(state_ + buffer_);
  checksum.resize(kChecksumBytes);
  state_.clear();
  buffer_.clear();
  return checksum;
}

// With their lengths, rows cannot be cut in another way into the same bytes.
void RowHasher::AddLength(size_t length) {
  char bytes[4];
  for (size_t i = 0; i < sizeof(bytes); ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  AddBytes({bytes, sizeof(bytes)});
}

void RowHasher::AddBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t taken = std::min(bytes.size(), kStepBytes - buffer_.size());
    buffer_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (buffer_.size() < kStepBytes) return;
    state_ = codec::Sha256(state_ + buffer_);
    buffer_.clear();
  }
}

}  // namespace stampede::store
