#pragma once

#include "features/interactions/service.h"
#include "jobs/jobs.h"

namespace stampede::interactions {

// Adds the job that removes the boosts and favourites of a deleted post.
void AddJobs(jobs::JobRunner& runner, InteractionsService& interactions);

}  // namespace stampede::interactions
