#include "cli/common_flags.h"

#include <CLI/CLI.hpp>

namespace stampede::cli {

void CommonFlags::AddTo(CLI::App& command, bool with_listen) {
  command.add_option("--data", data, "directory of the store and of media");
  command.add_option("--config", config_file, "settings file (TOML)")->check(CLI::ExistingFile);
  if (with_listen) command.add_option("--listen", listen, "address to serve on, HOST:PORT");
}

app::Config CommonFlags::Load() const {
  app::Config config = app::LoadConfig(config_file);
  if (!data.empty()) app::Set(config, "data", data);
  if (!listen.empty()) app::Set(config, "listen", listen);
  return config;
}

}  // namespace stampede::cli
