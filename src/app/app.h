#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "features/accounts/service.h"
#include "net/route.h"

namespace stampede::app {

// The whole server: builds every part once, in the order in which they need each other, and stops
// them in reverse. The only place that knows all rooms.
class App {
 public:
  // Opens the store. Throws std::invalid_argument for bad settings and Error when the store cannot
  // be opened.
  explicit App(const Config& config);
  ~App();

  // Fills an empty store with demo data.
  void SeedDemo();
  // Starts to serve. Throws std::system_error when an address is not to be had.
  void Start();
  // From now on /health says 503, so that load balancers send requests elsewhere; all else goes on.
  void Drain();
  // Finishes what was accepted, then stops every part. Idempotent.
  void Stop();

  const Site& site() const;
  uint16_t port() const;
  uint16_t metrics_port() const;
  accounts::AccountsService& accounts();
  // The route table, for documentation and tests.
  const std::vector<net::Route>& routes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::app
