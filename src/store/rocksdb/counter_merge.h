#pragma once

#include <rocksdb/merge_operator.h>

#include <string>

namespace stampede::store {

// How the embedded engine keeps counters: adds 64-bit big-endian integers. Stored by name.
class CounterMerge final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice& key, const rocksdb::Slice* existing, const rocksdb::Slice& delta,
             std::string* result, rocksdb::Logger*) const override;
  const char* Name() const override { return "stampede.Counter"; }
};

}  // namespace stampede::store
