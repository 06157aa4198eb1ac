#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stampede::store {

struct Inspection {
  uint64_t rows = 0;
  uint64_t problems = 0;
  std::vector<std::string> examples;  // of problems, the first few
};

// Looks at the files of an embedded store that nobody has open, without changing them: every checksum
// of the engine, and every key, also those that no table knows and that scans therefore never meet.
// Throws Error(kInternal) when a file is damaged.
Inspection InspectRocksDb(const std::string& path);

}  // namespace stampede::store
