#pragma once

#include "features/feeds/engine.h"
#include "features/feeds/view.h"
#include "features/testing/stage.h"
#include "obs/metrics.h"

namespace stampede::testing {

// The feeds of a stage's members.
struct Home {
  explicit Home(Stage& stage)
      : engine(stage.store, stage.relationships, *stage.bus, stage.clock, stage.random, metrics,
               {}),
        timeline(engine, stage.views) {}

  obs::Metrics metrics;
  feeds::FeedEngine engine;
  feeds::HomeTimeline timeline;
};

}  // namespace stampede::testing
