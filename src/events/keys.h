#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the events room
// | table  | byte | partition           | key fields     | value       |
// | job    | 0xe0 | chosen by its cause | due ms, job id | JobRecord   | earliest first
// | outbox | 0xe1 | the event id's      | event id       | EventRecord | committed, not yet known
// to be announced
// | turn   | 0xe3 | a hash of the task  | task           | due ms      | see turns.h
//
// Job rows are part of this room because the commit of their cause writes them; jobs/ does the
// rest.
namespace stampede::events {

std::string OutboxKey(EventId event);
// The events of a partition older than `before_ms`, oldest first.
store::KeyRange OutboxRange(Partition partition, int64_t before_ms);

std::string TurnKey(std::string_view task);

std::string JobKey(Partition partition, int64_t due_ms, JobId job);
// The jobs of a partition due before `before_ms`, earliest first.
store::KeyRange JobRange(Partition partition, int64_t before_ms);

struct JobKeyFields {
  Partition partition;
  int64_t due_ms;
  JobId job;
};
JobKeyFields ReadJobKey(std::string_view key);

}  // namespace stampede::events
