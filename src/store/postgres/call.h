#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/postgres/statements.h"

namespace stampede::store::postgres {

// One parameter in PostgreSQL's binary format. Keys and values are only pointed at: they outlive
// the call.
class Param {
 public:
  Param() = default;
  static Param Bytes(std::string_view bytes) {
    Param param;
    param.view_ = bytes;
    return param;
  }
  static Param Int4(int32_t value);
  static Param Int8(int64_t value);
  static Param Int4Array(std::span<const int32_t> values);
  static Param BytesArray(std::span<const std::string_view> values);

  std::string_view bytes() const { return owned_.empty() ? view_ : std::string_view(owned_); }

 private:
  std::string_view view_;
  std::string owned_;
};

// One statement with its parameters, on its way to a connection.
struct Call {
  static constexpr size_t kParamsMax = 4;

  Call(Statement s, SqlTable t) : statement(s), table(t) {}
  explicit Call(Statement s) : Call(s, SqlTable::kKv) {}
  Call& With(Param param) {
    params[count++] = std::move(param);
    return *this;
  }

  Statement statement;
  SqlTable table;
  std::array<Param, kParamsMax> params;
  size_t count = 0;
};

// Where a key lives.
SqlTable SqlTableOf(std::string_view key);
int32_t PartOf(std::string_view key);

}  // namespace stampede::store::postgres
