#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/bulk_writer.h"
#include "store/copy/copier.h"
#include "store/copy/row_hash.h"
#include "store/copy/state.h"
#include "store/copy/visit.h"

namespace stampede::store {

// Writes to the target in batches of a decent size, in order. A batch does not wait for the disk: a
// crash loses it with all that came after it, so a block's checksum is never there without its rows.
class BatchedWrites {
 public:
  explicit BatchedWrites(Store& target) : target_(target) {}
  void Put(std::string key, std::string value);
  void Erase(std::string key);
  void Flush();

 private:
  void FlushIfLarge();

  Store& target_;
  Batch batch_;
};

// Rows of whole partitions on their way into the target by a bulk writer, and what is to be recorded
// of them once they are there. For one thread.
class BulkLoad {
 public:
  BulkLoad(Store& target, const CopyOptions& options) : target_(target), options_(options) {}

  bool possible() const { return options_.bulk != nullptr; }
  void Put(const Row& row);
  void Record(std::string key, std::string value) {
    records_.push_back({std::move(key), std::move(value)});
  }
  // The rows are in the target, then the records.
  void Finish();
  uint64_t bytes() const { return bytes_; }

 private:
  Store& target_;
  const CopyOptions& options_;
  std::unique_ptr<BulkWriter> writer_;
  std::vector<Row> records_;
  uint64_t bytes_ = 0;
};

// One pass over one partition: see Copier.
class PartitionCopy final : public RowVisitor {
 public:
  // All references outlive this.
  PartitionCopy(Store& target, Partition partition, const CopyOptions& options,
                CopyProgress& progress, BulkLoad& bulk);
  // `sum` may be null.
  void Run(Store& source, PartitionSum* sum);

  void BeginTable(const Table& table) override;
  void OnRow(Row&& row) override;
  void EndTable() override;

 private:
  // The chunk is all that the source has from `start_` to `end`; deals with it and begins the next.
  void Close(const std::string& end);
  void Write(const std::string& end, const Block* recorded, std::string checksum);
  // Makes the target's rows of a range those of the chunk.
  void Equalize(const std::string& end);
  void PutRow(const Row& row);
  void EraseRow(const std::string& key);
  void Record(std::string key, std::string value);
  const Block* NextBlock() const {
    return next_block_ < blocks_->size() ? &(*blocks_)[next_block_] : nullptr;
  }

  Store& target_;
  const Partition partition_;
  const CopyOptions& options_;
  CopyProgress& progress_;
  BulkLoad& bulk_;
  BatchedWrites writes_;

  PartitionState state_;
  bool known_ = false;    // the target has no rows of the partition but those of recorded blocks
  bool loading_ = false;  // by the bulk writer
  std::optional<PartitionSummer> summer_;

  // Of the current table.
  std::string table_end_;
  const std::vector<Block>* blocks_ = nullptr;
  size_t next_block_ = 0;  // the first that begins behind start_
  // Of the current chunk.
  std::string start_;
  const Block* recorded_ = nullptr;  // the block that begins at start_, if there is one
  bool inside_ = false;              // start_ lies within a recorded block
  std::vector<Row> chunk_;
  size_t chunk_bytes_ = 0;
};

}  // namespace stampede::store
