#include "features/oauth/jobs.h"

#include "features/oauth/service.h"

namespace stampede::oauth {

void AddJobs(jobs::JobRunner& runner) {
  runner.Add({.name = std::string(kExpireJob),
              .workers = 1,
              .run = [](const jobs::Job& job, events::Action& action) {
                action.batch.Erase(std::string(job.payload));
              }});
}

}  // namespace stampede::oauth
