#include "store/rocksdb/rocksdb_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "base/error.h"
#include "base/thread_priority.h"
#include "obs/log.h"
#include "store/rocksdb/bulk_writer.h"
#include "store/rocksdb/counter_merge.h"
#include "store/rocksdb/flusher.h"
#include "store/rocksdb/group_commit.h"
#include "store/rocksdb/table_ends.h"
#include "store/validate.h"

namespace stampede::store {
namespace {

namespace fs = std::filesystem;
using rocksdb::Slice;
using rocksdb::Status;

// The log is replayed at open after a crash: about a quarter of a second for the smaller of these.
constexpr uint64_t kWalBytesMin = 32 * 1024 * 1024;
constexpr uint64_t kWalPerMemtable = 4;
// A hot counter is folded after about so many additions, so that reads of it stay quick. How many
// each had is known by a hash of its key, so now and then another one's are taken for its own.
constexpr uint8_t kCounterAddsMax = 16;
constexpr size_t kAddSlots = 64 * 1024;
// An erased range of up to so many keys becomes single deletes: a range tombstone costs every later
// read of its file, and most ranges that are erased hold a handful of rows.
constexpr size_t kEraseByKeyMax = 64;

// What is newest in a table of a partition is often written again and again behind itself. From this
// size on a memtable can spare the 220 bytes per table and partition that remembering the place takes.
constexpr size_t kHintedMemtableMin = 32 * 1024 * 1024;

// The first level below the memtables' files holds so many memtables, but no less than RocksDB's own
// default. Rows of new posts go to every partition, so what leaves it rewrites all that is below: the
// more goes at a time, the fewer times.
constexpr uint64_t kLevelPerMemtable = 8;
constexpr uint64_t kLevelBytesMin = 256 * 1024 * 1024;

constexpr std::array kAccesses = {Access::kRecord, Access::kIndex, Access::kQueue};

// Stored: names of column families.
const char* FamilyName(Access access) {
  switch (access) {
    case Access::kRecord:
      return "record";
    case Access::kIndex:
      return "index";
    case Access::kQueue:
      return "queue";
  }
  return nullptr;
}

Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }

[[noreturn]] void ThrowFault(const Status& status) {
  if (status.IsCorruption() || status.IsInvalidArgument()) {
    throw std::runtime_error("rocksdb: " + status.ToString());
  }
  throw Error(ErrorCode::kUnavailable, "The database is not available right now",
              "rocksdb: " + status.ToString());
}

void Require(const Status& status) {
  if (!status.ok()) ThrowFault(status);
}

// After a failed write RocksDB refuses all others, until the process starts anew or, for a full
// disk, until there is space again; this is where the cause is told.
class FaultLog final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, Status* status) override {
    obs::Log(obs::LogLevel::kError, "store engine failed",
             {{"reason", static_cast<int>(reason)}, {"status", status->ToString()}});
  }
};

// Memtables are written out and tables compacted with what workers leave. These are seconds of
// computing each, and the processor they took for them was missing from requests.
class MaintenanceYields final : public rocksdb::EventListener {
 public:
  // Both are called by the thread that is about to do it.
  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { Yield(); }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { Yield(); }

 private:
  static void Yield() { LowerThread(ThreadPriority::kBackground); }
};

// The engine's own messages go where all others go. A file of its own would be one more thing that
// a full disk breaks: Debian's RocksDB aborts at the second line that it cannot write.
class EngineLog final : public rocksdb::Logger {
 public:
  EngineLog() : Logger(rocksdb::ERROR_LEVEL) {}
  void LogHeader(const char*, va_list) override {}  // versions and options
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level >= rocksdb::ERROR_LEVEL) Logv(format, arguments);
  }
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> text;
    vsnprintf(text.data(), text.size(), format, arguments);
    obs::Log(obs::LogLevel::kError, "store engine", {{"text", std::string_view(text.data())}});
  }
};

rocksdb::DBOptions MakeDbOptions(const RocksDbOptions& ours) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.max_open_files = 500;
  options.max_total_wal_size = std::max(kWalBytesMin, kWalPerMemtable * ours.memtable_bytes);
  options.max_manifest_file_size = 16 * 1024 * 1024;
  // Opening reads the manifest and the log, not the data.
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.max_file_opening_threads = 1;  // else 16 are started and ended per column family
  // Large files reach the disk little by little, not in one burst that delays everybody's sync.
  options.bytes_per_sync = 1024 * 1024;
  // The log is written and flushed by the Flusher, once for all who wait.
  options.manual_wal_flush = true;
  // GroupCommit writes from one thread at a time.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.info_log = std::make_shared<EngineLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.listeners = {std::make_shared<FaultLog>(), std::make_shared<MaintenanceYields>()};
  return options;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(Access access, const RocksDbOptions& ours,
                                               const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  if (access != Access::kIndex) {
    // Many look-ups are for what is absent: is this followed, was this favourited, is this id new.
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  }
  if (access != Access::kRecord) table.block_size = 8 * 1024;  // scans read neighbours

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.merge_operator = std::make_shared<CounterMerge>();
  options.write_buffer_size = ours.memtable_bytes;
  options.max_write_buffer_number = 3;
  options.arena_block_size = 128 * 1024;
  options.level_compaction_dynamic_level_bytes = true;
  auto supported = rocksdb::GetSupportedCompressions();
  bool lz4 = std::ranges::find(supported, rocksdb::kLZ4Compression) != supported.end();
  options.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  // Not what is rewritten soon: the first two levels, unless the second is the last.
  options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression,
                                   options.compression};
  options.bottommost_compression = options.compression;
  options.max_bytes_for_level_base =
      std::max(kLevelBytesMin, kLevelPerMemtable * ours.memtable_bytes);
  if (ours.memtable_bytes >= kHintedMemtableMin) {
    options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(kTablePrefixBytes));
  }
  if (access == Access::kQueue) {
    // What is erased soon is passed by every scan until it is compacted away: keep little of it in
    // memory and compact a file where it piles up.
    options.write_buffer_size = std::max<size_t>(ours.memtable_bytes / 4, 64 * 1024);
    options.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  }
  return options;
}

[[noreturn]] void ThrowOpenFault(const std::string& path, const Status& status) {
  std::string text = status.ToString();
  bool locked = text.find("While lock file") != std::string::npos ||
                text.find("lock hold by current process") != std::string::npos;
  if (status.IsIOError() && locked) {
    throw Error(ErrorCode::kUnavailable, "The database " + path + " is in use by another process",
                text);
  }
  if (status.IsCorruption()) {
    throw Error(ErrorCode::kInternal, "The database " + path + " is damaged: " + text, text);
  }
  throw Error(ErrorCode::kInternal, "Cannot open the database " + path + ": " + text, text);
}

class RocksDbStoreImpl final : public RocksDbStore {
 public:
  explicit RocksDbStoreImpl(const RocksDbOptions& options);
  ~RocksDbStoreImpl() override;

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override;
  std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) override;
  bool Commit(const Batch& batch) override;
  bool CommitSoon(const Batch& batch) override;
  void WhenDurable(Then then) override { flusher_.WhenDurable(std::move(then)); }
  Stats stats() const override;
  void Checkpoint(const std::string& path) override;
  std::unique_ptr<BulkWriter> NewBulkWriter() override;

 private:
  using Members = std::span<GroupCommit::Member* const>;

  rocksdb::ColumnFamilyHandle* FamilyOf(std::string_view key) const {
    return families_[static_cast<size_t>(RequireTable(key).access())];
  }
  std::vector<Row> ScanOne(const ScanRequest& request);
  static std::vector<Row> Walk(rocksdb::Iterator& it, const ScanRequest& request);

  // The steps of one group, by its leader.
  void ApplyGroup(Members group);
  void CheckExpectations(Members group);
  // Of an expectation of absence: true without asking the engine. False when it has to be asked.
  bool SurelyAbsent(const Batch::Expectation& expectation);
  std::string LastKeyOf(std::string_view prefix);
  void FlushLog();
  void Append(const Batch::Write& write, rocksdb::WriteBatch& out);
  void CountAddition(const std::string& key);
  void FoldCounters();
  void AppendEraseRange(const Batch::Write& write, rocksdb::WriteBatch& out);

  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kAccesses.size()> families_ = {};
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // all, for closing

  std::atomic<uint64_t> commits_ = 0;
  std::atomic<uint64_t> conflicts_ = 0;
  std::atomic<uint64_t> groups_ = 0;
  std::atomic<uint64_t> syncs_ = 0;
  GroupCommit queue_{[this](Members group) { ApplyGroup(group); }};
  Flusher flusher_{[this] { FlushLog(); }};
  // The leader's: additions since the last fold, by hash; the keys that are due.
  std::vector<uint8_t> adds_ = std::vector<uint8_t>(kAddSlots);
  std::vector<std::string> due_;
  TableEnds ends_{[this](auto prefix) { return LastKeyOf(prefix); }};  // the leader's, too
  std::atomic<bool> bulk_ = false;  // rows come by another way, of which ends_ does not hear
};

RocksDbStoreImpl::RocksDbStoreImpl(const RocksDbOptions& options) {
  std::error_code failed;
  fs::create_directories(options.path, failed);
  if (failed) {
    throw Error(ErrorCode::kInternal,
                "Cannot create the directory " + options.path + ": " + failed.message());
  }
  auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, /*num_shard_bits=*/4);
  // RocksDB insists on the default family; it stays empty.
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName, MakeFamilyOptions(Access::kIndex, options, cache)}};
  for (Access access : kAccesses) {
    descriptors.emplace_back(FamilyName(access), MakeFamilyOptions(access, options, cache));
  }
  rocksdb::DB* db = nullptr;
  Status status =
      rocksdb::DB::Open(MakeDbOptions(options), options.path, descriptors, &handles_, &db);
  if (!status.ok()) ThrowOpenFault(options.path, status);
  db_.reset(db);
  for (size_t i = 0; i < kAccesses.size(); ++i) {
    families_[static_cast<size_t>(kAccesses[i])] = handles_[i + 1];
  }
}

RocksDbStoreImpl::~RocksDbStoreImpl() {
  flusher_.Stop();
  Status status = db_->Flush(rocksdb::FlushOptions(), handles_);
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  if (status.ok()) {
    db_->Close().PermitUncheckedError();
    return;
  }
  // Nothing acknowledged is lost: the log has it, and the next open replays it. The engine is left
  // open on purpose: closing a log whose last write failed trips an assertion of RocksDB 7.8.
  obs::Log(obs::LogLevel::kError, "store not closed cleanly", {{"status", status.ToString()}});
  static std::atomic<rocksdb::DB*> abandoned;  // reachable, so no leak to a checker
  abandoned = db_.release();
}

std::vector<std::optional<std::string>> RocksDbStoreImpl::MultiGet(
    std::span<const std::string> keys) {
  std::vector<std::optional<std::string>> values(keys.size());
  if (keys.size() == 1) {
    std::string value;
    Status status = db_->Get({}, FamilyOf(keys[0]), ToSlice(keys[0]), &value);
    if (status.ok()) {
      values[0] = std::move(value);
    } else if (!status.IsNotFound()) {
      ThrowFault(status);
    }
    return values;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  std::vector<Slice> slices;
  families.reserve(keys.size());
  slices.reserve(keys.size());
  for (const auto& key : keys) {
    families.push_back(FamilyOf(key));
    slices.push_back(ToSlice(key));
  }
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<Status> statuses(keys.size());
  db_->MultiGet({}, keys.size(), families.data(), slices.data(), found.data(), statuses.data());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      values[i].emplace(found[i].data(), found[i].size());
    } else if (!statuses[i].IsNotFound()) {
      ThrowFault(statuses[i]);
    }
  }
  return values;
}

std::vector<std::vector<Row>> RocksDbStoreImpl::MultiScan(std::span<const ScanRequest> requests) {
  for (const auto& request : requests) ValidateScan(request);
  std::vector<std::vector<Row>> answers;
  answers.reserve(requests.size());
  // Making an iterator costs several times what moving one does, so the ranges of indexes share one,
  // without bounds of its own. Elsewhere bounds keep a scan from walking over what was erased behind
  // its end.
  std::unique_ptr<rocksdb::Iterator> shared;
  for (const auto& request : requests) {
    bool is_index = RequireTable(request.range.begin).access() == Access::kIndex;
    if (requests.size() == 1 || !is_index) {
      answers.push_back(ScanOne(request));
      continue;
    }
    if (!shared) shared.reset(db_->NewIterator({}, FamilyOf(request.range.begin)));
    answers.push_back(Walk(*shared, request));
  }
  return answers;
}

std::vector<Row> RocksDbStoreImpl::ScanOne(const ScanRequest& request) {
  Slice begin = ToSlice(request.range.begin);
  Slice end = ToSlice(request.range.end);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, FamilyOf(request.range.begin)));
  return Walk(*it, request);
}

std::vector<Row> RocksDbStoreImpl::Walk(rocksdb::Iterator& it, const ScanRequest& request) {
  std::vector<Row> rows;
  const auto& [begin, end] = request.range;
  if (request.limit == 0 || begin >= end) return rows;
  bool forward = request.direction == Direction::kForward;
  if (forward) {
    it.Seek(ToSlice(begin));
  } else {
    it.SeekForPrev(ToSlice(end));
    if (it.Valid() && it.key().ToStringView() == end) it.Prev();
  }
  for (; it.Valid(); forward ? it.Next() : it.Prev()) {
    std::string_view key = it.key().ToStringView();
    if (forward ? key >= end : key < begin) break;
    rows.push_back({std::string(key), it.value().ToString()});
    if (rows.size() == request.limit) break;
  }
  Require(it.status());
  return rows;
}

bool RocksDbStoreImpl::Commit(const Batch& batch) {
  if (!CommitSoon(batch)) return false;
  if (!batch.relaxed()) flusher_.Wait();
  return true;
}

bool RocksDbStoreImpl::CommitSoon(const Batch& batch) {
  ValidateBatch(batch);
  return queue_.Commit(batch);
}

void RocksDbStoreImpl::FlushLog() {
  Require(db_->FlushWAL(/*sync=*/true));
  syncs_ += 1;
}

void RocksDbStoreImpl::ApplyGroup(Members group) {
  CheckExpectations(group);
  rocksdb::WriteBatch out;
  uint64_t holding = 0;
  for (const GroupCommit::Member* member : group) {
    if (!member->committed) continue;
    ++holding;
    for (const auto& write : member->batch.writes()) Append(write, out);
  }
  if (out.Count() > 0) {
    Require(db_->Write({}, &out));
    flusher_.Written();
    groups_ += 1;
    FoldCounters();
  }
  commits_ += holding;
  conflicts_ += group.size() - holding;
}

// Sets `committed` to whether all expectations hold. No member's expectation touches what an
// earlier one writes (GroupCommit sees to it), so the store as it is now decides for all.
void RocksDbStoreImpl::CheckExpectations(Members group) {
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  std::vector<Slice> keys;
  std::vector<std::pair<GroupCommit::Member*, const Batch::Expectation*>> asked;
  for (GroupCommit::Member* member : group) {
    member->committed = true;
    for (const auto& expectation : member->batch.expectations()) {
      if (SurelyAbsent(expectation)) continue;
      families.push_back(FamilyOf(expectation.key));
      keys.push_back(ToSlice(expectation.key));
      asked.emplace_back(member, &expectation);
    }
  }
  if (keys.empty()) return;
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<Status> statuses(keys.size());
  db_->MultiGet({}, keys.size(), families.data(), keys.data(), found.data(), statuses.data());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!statuses[i].ok() && !statuses[i].IsNotFound()) ThrowFault(statuses[i]);
    std::string_view value(found[i].data(), found[i].size());
    auto [member, expectation] = asked[i];
    if (!Holds(*expectation, statuses[i].ok() ? &value : nullptr)) member->committed = false;
  }
}

bool RocksDbStoreImpl::SurelyAbsent(const Batch::Expectation& expectation) {
  return expectation.condition == Batch::Condition::kAbsent && !bulk_ &&
         ends_.IsBehind(expectation.key);
}

std::string RocksDbStoreImpl::LastKeyOf(std::string_view prefix) {
  KeyRange range{std::string(prefix), PrefixEnd(prefix)};
  auto rows = ScanOne({.range = std::move(range), .limit = 1, .direction = Direction::kBackward});
  return rows.empty() ? "" : std::move(rows.front().key);
}

void RocksDbStoreImpl::Append(const Batch::Write& write, rocksdb::WriteBatch& out) {
  auto* family = FamilyOf(write.key);
  if (write.kind == Batch::Kind::kPut || write.kind == Batch::Kind::kAdd) ends_.Extend(write.key);
  switch (write.kind) {
    case Batch::Kind::kPut:
      return Require(out.Put(family, write.key, write.value));
    case Batch::Kind::kErase:
      return Require(out.Delete(family, write.key));
    case Batch::Kind::kEraseRange:
      return AppendEraseRange(write, out);
    case Batch::Kind::kAdd:
      CountAddition(write.key);
      return Require(out.Merge(family, write.key, EncodeCounter(write.delta)));
  }
}

void RocksDbStoreImpl::CountAddition(const std::string& key) {
  uint8_t& adds = adds_[std::hash<std::string_view>()(key) % kAddSlots];
  if (++adds < kCounterAddsMax) return;
  adds = 0;
  due_.push_back(key);
}

// Writes the sums that are due in place of their additions; nobody else writes meanwhile. RocksDB's
// own way (max_successive_merges) looks for earlier additions at each one. What fails is no matter.
void RocksDbStoreImpl::FoldCounters() {
  rocksdb::WriteBatch out;
  std::string sum;
  for (const std::string& key : due_) {
    if (db_->Get({}, FamilyOf(key), key, &sum).ok()) Require(out.Put(FamilyOf(key), key, sum));
  }
  due_.clear();
  if (out.Count() > 0) db_->Write({}, &out).PermitUncheckedError();
}

// Reads the range as it was before the group, which is right because its batch leads the group and
// may not write inside the range.
void RocksDbStoreImpl::AppendEraseRange(const Batch::Write& write, rocksdb::WriteBatch& out) {
  if (write.key >= write.value) return;
  auto* family = FamilyOf(write.key);
  Slice begin = ToSlice(write.key);
  Slice end = ToSlice(write.value);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &begin;
  options.iterate_upper_bound = &end;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, family));
  std::vector<std::string> keys;
  for (it->SeekToFirst(); it->Valid() && keys.size() <= kEraseByKeyMax; it->Next()) {
    keys.push_back(it->key().ToString());
  }
  Require(it->status());
  if (keys.size() > kEraseByKeyMax) return Require(out.DeleteRange(family, begin, end));
  for (const auto& key : keys) Require(out.Delete(family, key));
}

RocksDbStore::Stats RocksDbStoreImpl::stats() const {
  return {commits_.load(), conflicts_.load(), groups_.load(), syncs_.load(), queue_.waiting()};
}

void RocksDbStoreImpl::Checkpoint(const std::string& path) {
  rocksdb::Checkpoint* raw = nullptr;
  Require(rocksdb::Checkpoint::Create(db_.get(), &raw));
  std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  Require(checkpoint->CreateCheckpoint(path));
}

std::unique_ptr<BulkWriter> RocksDbStoreImpl::NewBulkWriter() {
  bulk_ = true;
  return MakeBulkWriter(*db_, families_);
}

}  // namespace

std::unique_ptr<RocksDbStore> OpenRocksDb(const RocksDbOptions& options) {
  return std::make_unique<RocksDbStoreImpl>(options);
}

}  // namespace stampede::store
