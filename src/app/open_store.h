#pragma once

#include <memory>

#include "app/config.h"
#include "obs/metrics.h"
#include "store/store.h"

namespace stampede::app {

// The store that the settings choose, open: PostgreSQL when `database` is set, else the embedded
// one in the data directory, of which there is one process at a time.
struct OpenedStore {
  std::unique_ptr<store::Store> store;
  // Where reads that may be some moments old go; lives as long as `store`.
  store::Store* stale = nullptr;
};

// Exports what the store counts. `metrics` is rendered only while the store lives. Throws Error
// when it cannot be opened.
OpenedStore OpenStore(const Config& config, obs::Metrics& metrics);

}  // namespace stampede::app
