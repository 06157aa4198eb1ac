#pragma once

#include <string>

#include "app/config.h"

namespace CLI {
class App;
}

namespace stampede::cli {

// Settings that have a flag of their own, and the file they may come from. Outlives the commands it was
// added to.
struct CommonFlags {
  std::string data, listen, config_file;

  void AddTo(CLI::App& command, bool with_listen);
  app::Config Load() const;
};

}  // namespace stampede::cli
