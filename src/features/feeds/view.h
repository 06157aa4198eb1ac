#pragma once

#include <vector>

#include "features/feeds/engine.h"
#include "features/statuses/view.h"

namespace stampede::feeds {

// Home timelines as their readers see them: the candidates of the engine without superfluous boosts
// and without what the reader may not or does not want to see. Thread-safe.
class HomeTimeline {
 public:
  HomeTimeline(FeedEngine& engine, statuses::StatusViews& views) : engine_(engine), views_(views) {}

  // Newest first.
  std::vector<statuses::StatusData> Page(AccountId reader, const net::Page& page);

 private:
  statuses::Candidates Next(AccountId reader, const store::IdBounds& bounds, size_t limit,
                            bool upwards);

  FeedEngine& engine_;
  statuses::StatusViews& views_;
};

}  // namespace stampede::feeds
