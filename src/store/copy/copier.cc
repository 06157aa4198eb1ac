#include "store/copy/copier.h"

#include "base/error.h"
#include "store/copy/partition_copy.h"
#include "store/copy/state.h"

namespace stampede::store {

Copier::Copier(Store& target, CopyOptions options)
    : target_(target), options_(std::move(options)) {}

bool Copier::Begin(const std::string& source) {
  if (std::optional<std::string> found = HalfCopiedFrom(target_)) {
    if (*found == source) return true;
    throw Error(ErrorCode::kConflict,
                "The target is a half-done copy of " + *found + ", not of " + source);
  }
  for (unsigned i = 0; i < kPartitionCount; ++i) {
    if (IsEmpty(target_, Partition(i))) continue;
    throw Error(ErrorCode::kConflict, "The target is not empty");
  }
  Batch batch;
  batch.ExpectAbsent(MarkerKey());
  batch.Put(MarkerKey(), source);
  if (!target_.Commit(batch)) {
    throw Error(ErrorCode::kConflict, "Somebody else has begun a copy to the same target");
  }
  return false;
}

void Copier::Pass(Store& source, CopyProgress& progress, std::vector<PartitionSum>* sums) {
  if (sums != nullptr) sums->assign(kPartitionCount, {});
  WalkPartitions(options_.threads,
                 [&](unsigned first, unsigned end, const std::atomic<bool>& stop) {
                   BulkLoad bulk(target_, options_);
                   for (unsigned i = first; i < end && !stop; ++i) {
                     PartitionCopy copy(target_, Partition(i), options_, progress, bulk);
                     copy.Run(source, sums == nullptr ? nullptr : &(*sums)[i]);
                     if (bulk.bytes() >= options_.bulk_bytes) bulk.Finish();
                     ++progress.partitions;
                   }
                   bulk.Finish();
                 });
  // Everything so far was committed without waiting for the disk; this one waits, and all before it
  // is durable with it.
  Batch batch;
  batch.Put(MarkerKey(), target_.Get(MarkerKey()).value());
  target_.Commit(batch);
}

void Copier::Distrust(Partition partition) {
  Batch batch;
  batch.EraseRange(BlockRange(partition));
  target_.Commit(batch);
}

void Copier::Finish() {
  constexpr unsigned kAtOnce = 64;
  for (unsigned first = 0; first < kPartitionCount; first += kAtOnce) {
    Batch batch;
    for (unsigned i = first; i < first + kAtOnce; ++i) batch.EraseRange(BlockRange(Partition(i)));
    batch.Relax();
    target_.Commit(batch);
  }
  Batch batch;
  batch.Erase(MarkerKey());
  target_.Commit(batch);
}

}  // namespace stampede::store
