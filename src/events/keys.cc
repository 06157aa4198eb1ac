#include "events/keys.h"

#include <algorithm>

namespace stampede::events {
namespace {

const store::Table kJobs(0xe0, "job", store::Access::kQueue);
const store::Table kOutbox(0xe1, "outbox", store::Access::kQueue);
const store::Table kTurns(0xe3, "turn", store::Access::kQueue);

uint64_t Moment(int64_t ms) { return static_cast<uint64_t>(std::max<int64_t>(ms, 0)); }

}  // namespace

std::string OutboxKey(EventId event) { return store::Key(event.partition(), kOutbox).Id(event); }

store::KeyRange OutboxRange(Partition partition, int64_t before_ms) {
  auto end = EventId::Make(std::max<int64_t>(before_ms, 0), partition, 0);
  return {store::Key(partition, kOutbox), store::Key(partition, kOutbox).Id(end)};
}

std::string TurnKey(std::string_view task) {
  return store::Key(PartitionOf(task), kTurns).Text(task);
}

std::string JobKey(Partition partition, int64_t due_ms, JobId job) {
  return store::Key(partition, kJobs).Uint(Moment(due_ms)).Id(job);
}

store::KeyRange JobRange(Partition partition, int64_t before_ms) {
  return {store::Key(partition, kJobs), store::Key(partition, kJobs).Uint(Moment(before_ms))};
}

JobKeyFields ReadJobKey(std::string_view key) {
  store::KeyReader reader(key);
  auto due_ms = static_cast<int64_t>(reader.Uint());
  return {store::PartitionOfKey(key), due_ms, reader.Id<JobId>()};
}

}  // namespace stampede::events
