#pragma once

#include <string>

namespace stampede::cli {

struct VerifyFlags {
  std::string store;    // empty: the one of the settings
  std::string against;  // another one, or empty
  bool partitions = false;
  unsigned threads = 4;
};

// Reads a whole store and tells what it holds and what is wrong with it; with `against`, in which
// partitions the two differ. 0 when nothing is wrong and nothing differs, else 1.
int VerifyStore(const VerifyFlags& flags);

}  // namespace stampede::cli
