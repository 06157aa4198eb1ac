#pragma once

#include "events/committer.h"
#include "jobs/jobs.h"

namespace stampede::notifications {

// Adds the jobs behind service.h's Notify and its companions: "notify", "unnotify",
// "notify_followers" and "clear_notifications". What is passed outlives the runner.
//
// A notification is created when its recipient is a member here who has not blocked the sender nor
// muted their notifications, is not the sender, may see the status, and was not told already.
void AddJobs(jobs::JobRunner& runner, events::Committer& committer);

}  // namespace stampede::notifications
