#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace stampede::store {

// The greatest key of each table in each partition that was asked about, or one behind it. What is
// behind the end is absent without a look-up; and most keys that a batch expects to be absent begin
// with an id that was just drawn, which is greater than all before. Not thread-safe.
class TableEnds {
 public:
  // The greatest stored key that begins with `prefix`; empty when there is none.
  using FindLast = std::function<std::string(std::string_view prefix)>;

  explicit TableEnds(FindLast find_last) : find_last_(std::move(find_last)) {}

  // True: there is no such key. False: there may be. Asks for the end once per table and partition.
  bool IsBehind(std::string_view key);
  // To be called for each key before it is first stored.
  void Extend(std::string_view key);

 private:
  const FindLast find_last_;
  boost::unordered_flat_map<uint32_t, std::string> ends_;  // by partition and table
};

}  // namespace stampede::store
