#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "store/store.h"

namespace stampede::store {

// A Store in RAM, for tests: an ordered map under one mutex, nothing survives. Thread-safe.
class MemoryStore final : public Store {
 public:
  // Called before each commit, MultiGet or MultiScan, without a lock held: it may count, block, or
  // throw to let the call fail with nothing applied. Set before the store is shared between threads.
  using CommitHook = std::function<void(const Batch&)>;
  using ReadHook = std::function<void(std::span<const std::string> keys)>;
  using ScanHook = std::function<void(std::span<const ScanRequest> requests)>;
  void set_commit_hook(CommitHook hook) { commit_hook_ = std::move(hook); }
  void set_read_hook(ReadHook hook) { read_hook_ = std::move(hook); }
  void set_scan_hook(ScanHook hook) { scan_hook_ = std::move(hook); }

  // As a store that is far away.
  void set_remote(bool remote) { remote_ = remote; }
  bool remote() const override { return remote_; }

  std::vector<std::optional<std::string>> MultiGet(std::span<const std::string> keys) override;
  std::vector<std::vector<Row>> MultiScan(std::span<const ScanRequest> requests) override;
  bool Commit(const Batch& batch) override;

 private:
  using Map = std::map<std::string, std::string, std::less<>>;

  bool AllHold(const Batch& batch) STAMPEDE_REQUIRES(mutex_);
  void Apply(const Batch::Write& write) STAMPEDE_REQUIRES(mutex_);
  std::vector<Row> ScanLocked(const ScanRequest& request) STAMPEDE_REQUIRES(mutex_);

  CommitHook commit_hook_;
  ReadHook read_hook_;
  ScanHook scan_hook_;
  bool remote_ = false;
  Mutex mutex_;
  Map rows_ STAMPEDE_GUARDED_BY(mutex_);
};

std::unique_ptr<Store> MakeMemoryStore();

}  // namespace stampede::store
