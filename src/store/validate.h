#pragma once

#include <string_view>

#include "store/store.h"

namespace stampede::store {

// What every engine checks before it works, so that all engines refuse the same mistakes. They are
// mistakes of our code, but one request may not take the server down with it: they throw
// std::logic_error with the reason, before anything was changed.

// Limits, known tables, each key written once, no write inside an erased range.
void ValidateBatch(const Batch& batch);

// The range lies in one partition and one table; the limit is at most limits::kScanRowsMax.
void ValidateScan(const ScanRequest& request);

// The table that a key belongs to; throws for a key of no table.
const Table& RequireTable(std::string_view key);

// Whether `value` (nullptr: absent) meets the expectation.
bool Holds(const Batch::Expectation& expectation, const std::string_view* value);

}  // namespace stampede::store
