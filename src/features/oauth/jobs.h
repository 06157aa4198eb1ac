#pragma once

#include "jobs/jobs.h"

namespace stampede::oauth {

// Registers the room's jobs: "oauth.expire" erases the row of a code or a session once it is over;
// its payload is the row's key.
void AddJobs(jobs::JobRunner& runner);

}  // namespace stampede::oauth
