#include "store/rocksdb/counter_merge.h"

#include "obs/log.h"
#include "store/store.h"

namespace stampede::store {

namespace {

using rocksdb::Slice;

// Zero for what is no counter: somebody added to a record, which is our mistake, but a merge that
// fails would stop the engine for everybody.
int64_t Decode(const Slice& key, const Slice& value) {
  if (value.size() == sizeof(int64_t)) return DecodeCounter(value.ToString());
  const Table* table = TableOf({key.data(), key.size()});
  obs::Log(obs::LogLevel::kError, "addition to a value that is no counter",
           {{"table", table == nullptr ? "unknown" : table->name()}});
  return 0;
}

}  // namespace

bool CounterMerge::Merge(const Slice& key, const Slice* existing, const Slice& delta,
                         std::string* result, rocksdb::Logger*) const {
  int64_t before = existing == nullptr ? 0 : Decode(key, *existing);
  *result = EncodeCounter(AddWrapping(before, Decode(key, delta)));
  return true;
}

}  // namespace stampede::store
