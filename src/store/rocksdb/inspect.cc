#include "store/rocksdb/inspect.h"

#include <rocksdb/db.h>

#include <memory>

#include "base/error.h"
#include "store/copy/summary.h"
#include "store/keyspace.h"
#include "store/rocksdb/counter_merge.h"

namespace stampede::store {

namespace {

using rocksdb::Status;

void Require(const std::string& path, const Status& status) {
  if (status.ok()) return;
  std::string text = status.ToString();
  throw Error(ErrorCode::kInternal, "The database " + path + " is damaged: " + text, text);
}

// The column families as they are found, with what reading them needs.
std::vector<rocksdb::ColumnFamilyDescriptor> FamiliesOf(const std::string& path) {
  std::vector<std::string> names;
  Require(path, rocksdb::DB::ListColumnFamilies({}, path, &names));
  rocksdb::ColumnFamilyOptions options;
  options.merge_operator = std::make_shared<CounterMerge>();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options);
  return families;
}

// Why no scan meets a key that lies in this family; empty when they do.
std::string Hidden(std::string_view key, const std::string& family) {
  const Table* table = TableOf(key);
  if (table == nullptr || static_cast<unsigned>(PartitionOfKey(key)) >= kPartitionCount) {
    return ProblemOf(key, {});
  }
  static constexpr const char* kNames[] = {"record", "index", "queue"};
  if (family == kNames[static_cast<size_t>(table->access())]) return {};
  return "a key of table " + std::string(table->name()) + " lies in the family " + family;
}

}  // namespace

Inspection InspectRocksDb(const std::string& path) {
  auto families = FamiliesOf(path);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  Require(path, rocksdb::DB::OpenForReadOnly({}, path, families, &handles, &raw));
  std::unique_ptr<rocksdb::DB> db(raw);
  Inspection result;
  Status status = db->VerifyChecksum();
  for (auto* handle : handles) {
    if (!status.ok()) break;
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(options, handle));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      std::string problem = Hidden(it->key().ToStringView(), handle->GetName());
      if (!problem.empty()) result.Complain(std::move(problem));
    }
    status = it->status();
  }
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  Require(path, status);
  return result;
}

}  // namespace stampede::store
