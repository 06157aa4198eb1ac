#include "features/relationships/jobs.h"

#include <stdexcept>

namespace stampede::relationships {
namespace {

template <class Payload>
Payload Parse(const jobs::Job& job) {
  Payload payload;
  if (!payload.ParseFromArray(job.payload.data(), static_cast<int>(job.payload.size()))) {
    throw std::runtime_error("relationships: a job's payload does not parse");
  }
  return payload;
}

}  // namespace

void AddJobs(jobs::JobRunner& runner, RelationshipsService& service) {
  runner.Add({.name = "mute_expire",
              .workers = 1,
              .run = [&service](const jobs::Job& job, events::Action& action) {
                service.ExpireMute(action, Parse<MuteExpiry>(job));
              }});
  runner.Add({.name = "accept_requests",
              .workers = 1,
              .run = [&service](const jobs::Job& job, events::Action& action) {
                service.AcceptSlice(action, Parse<AcceptRequests>(job));
              }});
}

}  // namespace stampede::relationships
