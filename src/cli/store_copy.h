#pragma once

#include <string>

namespace stampede::cli {

struct CopyFlags {
  std::string from, to;
  bool source_stopped = false;
  unsigned threads = 4;
};

// Makes the store `to` equal to `from` while a server works on the latter, waits until that is stopped,
// makes the last difference good and compares. Can be killed at any point and run again. 0 when both
// are equal, else 1.
int CopyStore(const CopyFlags& flags);

}  // namespace stampede::cli
