#pragma once

#include <memory>
#include <optional>

namespace CLI {
class App;
}

namespace stampede::cli {

// The commands that save and move data: `stampede backup`, `stampede restore` and the group
// `stampede store`. Refusals are thrown, as by every command.
class StoreCommands {
 public:
  // Adds the commands to `program`, which outlives this.
  explicit StoreCommands(CLI::App& program);
  ~StoreCommands();

  // After parsing: runs the command that was given and returns its exit code; nullopt when it was
  // none of these.
  std::optional<int> Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::cli
