#include "features/interactions/jobs.h"

#include <stdexcept>

#include "features/statuses/service.h"

namespace stampede::interactions {

void AddJobs(jobs::JobRunner& runner, InteractionsService& interactions) {
  runner.Add(
      {.name = std::string(statuses::kCleanDeletedStatusJob),
       .workers = 1,
       .run = [&interactions](const jobs::Job& job, events::Action& action) {
         statuses::StatusDeleted deleted;
         if (!deleted.ParseFromArray(job.payload.data(), static_cast<int>(job.payload.size()))) {
           throw std::runtime_error("malformed payload");
         }
         if (interactions.CleanSlice(deleted, action)) return;
         action.Enqueue(statuses::kCleanDeletedStatusJob, StatusId(deleted.id()).partition(),
                        std::string(job.payload));
       }});
}

}  // namespace stampede::interactions
