#pragma once

#include <string>
#include <vector>

#include "app/config.h"

// What the commands of the command line do. Each returns the exit code; refusals are thrown.
namespace stampede::cli {

struct NewUserFlags {
  std::string name, email, password;
  bool confirmed = false;
};

// Serves until SIGTERM or SIGINT, then finishes what was accepted.
int Serve(const app::Config& config, bool demo);
int CreateUser(const app::Config& config, const NewUserFlags& flags);
int ApproveUser(const app::Config& config, const std::string& name);
// METHOD, path, auth and scopes, separated by tabs.
int PrintRoutes();
// docs/api-coverage.md.
int PrintApiCoverage();
// `stampede media-child KIND`; see media/child.h.
int DecodePicture(const std::string& kind);

}  // namespace stampede::cli
