#pragma once

#include <string_view>

namespace stampede::store {

// Many rows on their way into a part of a store where nothing is yet, past what single commits cost.
// For one thread; several writers may be at work if their keys do not interleave. Nobody else may
// write there meanwhile.
class BulkWriter {
 public:
  virtual ~BulkWriter() = default;  // what was not finished is thrown away
  // Keys must rise strictly within each Access.
  virtual void Put(std::string_view key, std::string_view value) = 0;
  // The store has the rows, durably, when it returns. Nothing may be put afterwards.
  virtual void Finish() = 0;
};

}  // namespace stampede::store
