#pragma once

#include "features/relationships/service.h"
#include "jobs/jobs.h"

namespace stampede::relationships {

// Adds "mute_expire", which ends a mute when its time is over, and "accept_requests", which goes on
// accepting the requests of an account that was unlocked. The service outlives the runner.
void AddJobs(jobs::JobRunner& runner, RelationshipsService& service);

}  // namespace stampede::relationships
