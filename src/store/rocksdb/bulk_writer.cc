#include "store/rocksdb/bulk_writer.h"

#include <rocksdb/sst_file_writer.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/keyspace.h"
#include "store/validate.h"

namespace stampede::store {
namespace {

namespace fs = std::filesystem;
using rocksdb::Slice;
using rocksdb::Status;

constexpr uint64_t kFileBytes = 128 * 1024 * 1024;

void Require(const Status& status) {
  if (!status.ok()) throw std::runtime_error("rocksdb: bulk: " + status.ToString());
}

// The files of one column family, one after the other.
class FamilyFiles {
 public:
  FamilyFiles(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string prefix)
      : db_(db), family_(family), prefix_(std::move(prefix)), options_(db.GetOptions(family)) {}

  void Put(Slice key, Slice value) {
    if (!writer_) Open();
    Require(writer_->Put(key, value));
    // The size is that of finished blocks: looked at now and then.
    if (++rows_ % 4'096 == 0 && writer_->FileSize() > kFileBytes) Close();
  }

  void Finish() {
    if (writer_) Close();
    if (paths_.empty()) return;
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    Require(db_.IngestExternalFile(family_, paths_, options));
  }

 private:
  void Open() {
    paths_.push_back(prefix_ + std::to_string(paths_.size()) + ".sst");
    writer_.emplace(rocksdb::EnvOptions(), options_, family_);
    Require(writer_->Open(paths_.back()));
  }
  void Close() {
    Require(writer_->Finish());
    writer_.reset();
  }

  rocksdb::DB& db_;
  rocksdb::ColumnFamilyHandle* family_;
  const std::string prefix_;
  rocksdb::Options options_;
  std::optional<rocksdb::SstFileWriter> writer_;
  std::vector<std::string> paths_;
  uint64_t rows_ = 0;
};

class BulkWriterImpl final : public BulkWriter {
 public:
  BulkWriterImpl(rocksdb::DB& db, std::span<rocksdb::ColumnFamilyHandle* const> families) {
    static std::atomic<int> number;
    directory_ = db.GetName() + ".bulk" + std::to_string(++number);
    fs::create_directories(directory_);
    for (size_t i = 0; i < families.size(); ++i) {
      files_.emplace_back(db, families[i], directory_ + "/" + std::to_string(i) + "-");
    }
  }
  ~BulkWriterImpl() override {
    files_.clear();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  void Put(std::string_view key, std::string_view value) override {
    FamilyFiles& files = files_[static_cast<size_t>(RequireTable(key).access())];
    files.Put(Slice(key.data(), key.size()), Slice(value.data(), value.size()));
  }
  void Finish() override {
    for (FamilyFiles& files : files_) files.Finish();
  }

 private:
  std::string directory_;
  std::deque<FamilyFiles> files_;
};

}  // namespace

std::unique_ptr<BulkWriter> MakeBulkWriter(rocksdb::DB& db,
                                           std::span<rocksdb::ColumnFamilyHandle* const> families) {
  return std::make_unique<BulkWriterImpl>(db, families);
}

}  // namespace stampede::store
