#include "store/postgres/call.h"

#include "store/validate.h"

namespace stampede::store::postgres {
namespace {

// Stored: PostgreSQL's numbers of its types (pg_type.dat).
constexpr uint32_t kInt4Oid = 23;
constexpr uint32_t kBytesOid = 17;

void AppendBigEndian(std::string* out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) *out += static_cast<char>(value >> (8 * i));
}

// One dimension, no nulls, counted from 1: array_send in PostgreSQL's arrayfuncs.c.
void AppendArrayHeader(std::string* out, uint32_t type, size_t length) {
  AppendBigEndian(out, length == 0 ? 0 : 1, 4);
  AppendBigEndian(out, 0, 4);
  AppendBigEndian(out, type, 4);
  if (length == 0) return;
  AppendBigEndian(out, length, 4);
  AppendBigEndian(out, 1, 4);
}

}  // namespace

Param Param::Int4(int32_t value) {
  Param param;
  AppendBigEndian(&param.owned_, static_cast<uint32_t>(value), 4);
  return param;
}

Param Param::Int8(int64_t value) {
  Param param;
  AppendBigEndian(&param.owned_, static_cast<uint64_t>(value), 8);
  return param;
}

Param Param::Int4Array(std::span<const int32_t> values) {
  Param param;
  param.owned_.reserve(20 + 8 * values.size());
  AppendArrayHeader(&param.owned_, kInt4Oid, values.size());
  for (int32_t value : values) {
    AppendBigEndian(&param.owned_, 4, 4);
    AppendBigEndian(&param.owned_, static_cast<uint32_t>(value), 4);
  }
  return param;
}

Param Param::BytesArray(std::span<const std::string_view> values) {
  Param param;
  AppendArrayHeader(&param.owned_, kBytesOid, values.size());
  for (std::string_view value : values) {
    AppendBigEndian(&param.owned_, value.size(), 4);
    param.owned_ += value;
  }
  return param;
}

SqlTable SqlTableOf(std::string_view key) {
  return RequireTable(key).access() == Access::kQueue ? SqlTable::kQueue : SqlTable::kKv;
}

int32_t PartOf(std::string_view key) { return static_cast<int32_t>(PartitionOfKey(key)); }

}  // namespace stampede::store::postgres
