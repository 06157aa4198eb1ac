#pragma once

#include <memory>
#include <string>

#include "store/bulk_writer.h"

namespace stampede::store {

// Writes by COPY (https://www.postgresql.org/docs/15/sql-copy.html), in a connection and a transaction
// of its own. Keeps the rows of queues in memory until Finish.
std::unique_ptr<BulkWriter> NewPostgresBulkWriter(const std::string& database);

}  // namespace stampede::store
