#include "jobs/keys.h"

namespace stampede::jobs {
namespace {

const store::Table kDeadJobs(0xe2, "dead_job", store::Access::kQueue);

}  // namespace

std::string DeadJobKey(Partition partition, JobId job) {
  return store::Key(partition, kDeadJobs).Id(job);
}

store::KeyRange DeadJobRange(Partition partition) {
  return store::KeyRange::Prefix(store::Key(partition, kDeadJobs).str());
}

}  // namespace stampede::jobs
