#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace stampede::store {

// How a table is used, which decides the column family it lives in.
enum class Access : uint8_t {
  kRecord,  // read by key, many times over: records, flags, counters
  kIndex,   // scanned in order
  kQueue,   // written and erased soon: jobs, outbox
};

// In one family; see Table.
inline constexpr uint8_t kCountersMax = 8;

// One table: a byte of the key space with a name. Define each as a namespace-scope constant in its
// room's keys.cc; two tables with one byte or one name abort the program at start-up. Bytes from 0xf0
// are for tests. Once data exists, a table never changes its byte or its access.
class Table {
 public:
  // `name` outlives the table: a literal. `counters` > 0 makes it a family of counters: its keys end
  // in a byte from 1 to `counters` (at most kCountersMax), and Records keeps those that share the
  // rest of the key together. Their number may grow.
  Table(uint8_t byte, std::string_view name, Access access, uint8_t counters = 0);
  Table(const Table&) = delete;  // the registry keeps its address
  Table& operator=(const Table&) = delete;
  uint8_t byte() const { return byte_; }
  Access access() const { return access_; }
  std::string_view name() const { return name_; }
  uint8_t counters() const { return counters_; }

 private:
  uint8_t byte_;
  std::string_view name_;
  Access access_;
  uint8_t counters_;
};

// Every table of the program, by byte. For tools and for choosing the column family.
std::span<const Table* const> AllTables();
// nullptr for a key of no table.
const Table* TableOf(std::string_view key);

// Partition and table, with which every key begins.
inline constexpr size_t kTablePrefixBytes = 3;

// Builds a key: 2 bytes of partition, 1 byte of table, then fields that keep their order as bytes.
// Integers are 8 bytes big-endian; Desc stores the complement, so that newest comes first; Text is
// the bytes with 0x00 escaped as 0x00 0xff and closed by 0x00 0x01.
class Key {
 public:
  Key(Partition partition, const Table& table);

  template <class Tag>
  Key& Id(StrongId<Tag> id) {
    return Uint(id.value());
  }
  template <class Tag>
  Key& Desc(StrongId<Tag> id) {
    return Uint(~id.value());
  }
  Key& Uint(uint64_t value);
  Key& Byte(uint8_t value);
  Key& Text(std::string_view text);

  const std::string& str() const& { return bytes_; }
  std::string str() && { return std::move(bytes_); }
  operator std::string() const& { return bytes_; }         // NOLINT(google-explicit-constructor)
  operator std::string() && { return std::move(bytes_); }  // NOLINT(google-explicit-constructor)

 private:
  std::string bytes_;
};

// Reads back the fields of a key after partition and table, in the order they were written.
// The key is one of ours: a malformed one is a STAMPEDE_CHECK failure.
class KeyReader {
 public:
  explicit KeyReader(std::string_view key) : rest_(key.substr(kTablePrefixBytes)) {}
  template <class Id_>
  Id_ Id() {
    return Id_(Uint());
  }
  template <class Id_>
  Id_ Desc() {
    return Id_(~Uint());
  }
  uint64_t Uint();
  uint8_t Byte();
  std::string Text();
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

Partition PartitionOfKey(std::string_view key);

}  // namespace stampede::store
