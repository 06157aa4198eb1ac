#pragma once

#include <string>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the jobs room; the table of living jobs is in events/keys.h
// | table    | byte | partition | key fields | value         |
// | dead_job | 0xe2 | the job's | job id     | DeadJobRecord | given up, oldest first
namespace stampede::jobs {

std::string DeadJobKey(Partition partition, JobId job);
store::KeyRange DeadJobRange(Partition partition);

}  // namespace stampede::jobs
