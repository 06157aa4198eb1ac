#include "store/keyspace.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/check.h"

namespace stampede::store {
namespace {

constexpr size_t kTableOffset = 2;

struct Registry {
  std::array<const Table*, 256> by_byte = {};
  std::vector<const Table*> sorted;
};

// Function-local, because tables register from the static initialisers of other files.
Registry& TheRegistry() {
  static auto* registry = new Registry;  // never destroyed: other statics may outlive it
  return *registry;
}

void Register(const Table* table) {
  Registry& registry = TheRegistry();
  for (const Table* other : registry.sorted) {
    if (other->byte() != table->byte() && other->name() != table->name()) continue;
    std::fprintf(stderr,
                 "store: table \"%.*s\" (byte 0x%02x) collides with \"%.*s\" (byte 0x%02x)\n",
                 static_cast<int>(table->name().size()), table->name().data(), table->byte(),
                 static_cast<int>(other->name().size()), other->name().data(), other->byte());
    std::abort();
  }
  registry.by_byte[table->byte()] = table;
  auto place = std::ranges::upper_bound(registry.sorted, table->byte(), {}, &Table::byte);
  registry.sorted.insert(place, table);
}

}  // namespace

Table::Table(uint8_t byte, std::string_view name, Access access, uint8_t counters)
    : byte_(byte), name_(name), access_(access), counters_(counters) {
  STAMPEDE_CHECK(counters <= kCountersMax);
  Register(this);
}

std::span<const Table* const> AllTables() { return TheRegistry().sorted; }

const Table* TableOf(std::string_view key) {
  if (key.size() < kTablePrefixBytes) return nullptr;
  static const Registry& registry = TheRegistry();
  return registry.by_byte[static_cast<uint8_t>(key[kTableOffset])];
}

Key::Key(Partition partition, const Table& table) {
  auto number = static_cast<uint16_t>(partition);
  STAMPEDE_CHECK(number < kPartitionCount);
  bytes_.reserve(32);
  bytes_.push_back(static_cast<char>(number >> 8));
  bytes_.push_back(static_cast<char>(number & 0xff));
  bytes_.push_back(static_cast<char>(table.byte()));
}

Key& Key::Uint(uint64_t value) {
  char bytes[sizeof(value)];
  for (size_t i = sizeof(value); i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value);
  bytes_.append(bytes, sizeof(bytes));
  return *this;
}

Key& Key::Byte(uint8_t value) {
  bytes_.push_back(static_cast<char>(value));
  return *this;
}

Key& Key::Text(std::string_view text) {
  for (char c : text) {
    bytes_.push_back(c);
    if (c == '\0') bytes_.push_back('\xff');
  }
  bytes_.push_back('\0');
  bytes_.push_back('\x01');
  return *this;
}

uint64_t KeyReader::Uint() {
  STAMPEDE_CHECK(rest_.size() >= sizeof(uint64_t));
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) value = value << 8 | static_cast<uint8_t>(rest_[i]);
  rest_.remove_prefix(sizeof(value));
  return value;
}

uint8_t KeyReader::Byte() {
  STAMPEDE_CHECK(!rest_.empty());
  auto value = static_cast<uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::string KeyReader::Text() {
  std::string text;
  for (size_t i = 0; i + 1 < rest_.size(); ++i) {
    if (rest_[i] != '\0') {
      text.push_back(rest_[i]);
    } else if (rest_[i + 1] == '\xff') {
      text.push_back('\0');
      ++i;
    } else {
      STAMPEDE_CHECK(rest_[i + 1] == '\x01');
      rest_.remove_prefix(i + 2);
      return text;
    }
  }
  STAMPEDE_CHECK(!"a text field of a key is not closed");
  return text;
}

Partition PartitionOfKey(std::string_view key) {
  STAMPEDE_CHECK(key.size() >= kTablePrefixBytes);
  return static_cast<Partition>(static_cast<uint8_t>(key[0]) << 8 | static_cast<uint8_t>(key[1]));
}

}  // namespace stampede::store
