#pragma once

#include <memory>
#include <string>

#include "app/control.h"
#include "store/rocksdb/rocksdb_store.h"

namespace stampede::app {

// A consistent copy of the embedded store as it was at one moment, made of hard links in the data
// directory. Whoever uses one holds a lock on its directory, so what a killed process left behind is
// told from what is in use. Removed when this is destroyed.
class Snapshot {
 public:
  // Asks the server that runs on the data directory; nullptr if there is none.
  static std::unique_ptr<Snapshot> FromServer(const std::string& data);
  // From the server or, when none runs, by opening the store for a moment.
  static std::unique_ptr<Snapshot> Take(const std::string& data);
  ~Snapshot();

  // A store directory.
  const std::string& path() const { return path_; }

 private:
  explicit Snapshot(std::string path, std::shared_ptr<void> lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  std::shared_ptr<void> lock_;
  std::unique_ptr<ControlCall> call_;  // tells the server when this is over, even if we are killed
};

// The server's side: makes snapshots of the open store and removes those that nobody uses any more.
// For one thread.
class SnapshotMaker {
 public:
  SnapshotMaker(store::RocksDbStore& store, const std::string& data)
      : store_(store), directory_(data + "/snapshots") {}
  // The answer is the path; the lock is held as long as the caller is connected.
  ControlReply Make();
  // Throws nothing: what it cannot remove, it leaves to the next time.
  void Sweep();

 private:
  store::RocksDbStore& store_;
  const std::string directory_;
  int made_ = 0;
};

// What a server does so that Snapshot finds it; null for a store that is not embedded.
std::unique_ptr<ControlServer> ServeSnapshots(store::Store& store, const std::string& data);

// Throws Error(kNotFound) when the data directory has no embedded store.
void RequireEmbedded(const std::string& data);

}  // namespace stampede::app
