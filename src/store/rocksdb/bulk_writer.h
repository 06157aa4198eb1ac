#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <span>

#include "store/rocksdb/rocksdb_store.h"

namespace stampede::store {

// `families` by Access. All outlive the writer.
std::unique_ptr<BulkWriter> MakeBulkWriter(rocksdb::DB& db,
                                           std::span<rocksdb::ColumnFamilyHandle* const> families);

}  // namespace stampede::store
