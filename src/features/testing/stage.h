#pragma once

#include <string>
#include <string_view>

#include "features/interactions/jobs.h"
#include "features/interactions/service.h"
#include "features/notifications/jobs.h"
#include "features/notifications/service.h"
#include "features/relationships/jobs.h"
#include "features/relationships/service.h"
#include "features/statuses/service.h"
#include "features/statuses/view.h"
#include "features/testing/cast.h"
#include "jobs/jobs.h"
#include "obs/metrics.h"

namespace stampede::testing {

// The cast with everything it needs to follow, post and be notified. Jobs run only in RunJobs(), so
// that a test decides what has happened before they do.
class Stage : public Cast {
 public:
  // Runs what is due now, and what that causes.
  void RunJobs() {
    obs::Metrics metrics;
    jobs::JobRunner runner(committer, random, metrics);
    relationships::AddJobs(runner, relationships);
    notifications::AddJobs(runner, committer);
    interactions::AddJobs(runner, interactions);
    runner.Start();
    if (!runner.WaitUntilIdle(20'000)) std::abort();
    runner.Stop();
  }

  StatusId Post(AccountId author, std::string_view text,
                relationships::Visibility visibility = relationships::Visibility::kPublic,
                StatusId in_reply_to = {}) {
    clock.AdvanceMs(1);
    statuses::NewStatus post{.author = author, .text = std::string(text)};
    post.visibility = visibility;
    post.in_reply_to = in_reply_to;
    return statuses.Post(post);
  }

  relationships::RelationshipsService relationships{committer};
  statuses::StatusesService statuses{committer, site};
  interactions::InteractionsService interactions{committer};
  notifications::NotificationsService notifications{committer};
  statuses::StatusViews views{records, site, clock};
};

}  // namespace stampede::testing
