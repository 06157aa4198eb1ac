#pragma once

#include <string>

#include "store/copy/summary.h"

namespace stampede::store {

// Looks at the files of an embedded store that nobody has open, without changing them: every checksum
// of the engine, and every key for whether scans meet it.
// Throws Error(kInternal) when a file is damaged.
Inspection InspectRocksDb(const std::string& path);

}  // namespace stampede::store
