#include "app/snapshot.h"

#include <filesystem>
#include <system_error>

#include "app/files.h"
#include "base/error.h"
#include "obs/log.h"

namespace stampede::app {

namespace {

namespace fs = std::filesystem;

}  // namespace

void RequireEmbedded(const std::string& data) {
  if (fs::exists(data + "/manifest.json")) {
    throw Error(ErrorCode::kConflict, data + " is a backup: restore it, and use the copy");
  }
  if (fs::exists(data + "/store/CURRENT")) return;
  throw Error(ErrorCode::kNotFound, "There is no store in the directory " + data);
}

std::unique_ptr<ControlServer> ServeSnapshots(store::Store& store, const std::string& data) {
  auto* embedded = dynamic_cast<store::RocksDbStore*>(&store);
  if (embedded == nullptr) return nullptr;
  try {
    auto maker = std::make_shared<SnapshotMaker>(*embedded, data);
    maker->Sweep();
    auto server = std::make_unique<ControlServer>(ControlPath(data));
    server->Add("snapshot", [maker] {
      ControlReply reply = maker->Make();
      // When the connection ends, its user has removed the snapshot, or was killed.
      reply.held =
          std::shared_ptr<void>(reply.held.get(), [maker, lock = reply.held](void*) mutable {
            lock.reset();
            maker->Sweep();
          });
      return reply;
    });
    server->Add("ping", [] { return ControlReply(); });
    server->Start();
    return server;
  } catch (const std::system_error& error) {
    obs::Log(obs::LogLevel::kWarn, "no control socket: backups need the server stopped",
             {{"error", error.what()}});
    return nullptr;
  }
}

std::unique_ptr<Snapshot> Snapshot::FromServer(const std::string& data) {
  auto call = ControlCall::Ask(ControlPath(data), "snapshot");
  if (!call) return nullptr;
  auto lock = LockDirectory(call->text(), LockKind::kShared);
  std::unique_ptr<Snapshot> snapshot(new Snapshot(call->text(), std::move(lock)));
  snapshot->call_ = std::move(call);
  return snapshot;
}

std::unique_ptr<Snapshot> Snapshot::Take(const std::string& data) {
  if (auto snapshot = FromServer(data)) return snapshot;
  RequireEmbedded(data);
  auto store = store::OpenRocksDb({.path = data + "/store"});
  ControlReply reply = SnapshotMaker(*store, data).Make();
  return std::unique_ptr<Snapshot>(new Snapshot(std::move(reply.text), std::move(reply.held)));
}

Snapshot::~Snapshot() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  lock_.reset();  // before the server looks at what is left
}

ControlReply SnapshotMaker::Make() {
  Sweep();
  fs::create_directories(directory_);
  std::string path;
  do {
    path = fs::absolute(directory_) / std::to_string(++made_);
  } while (fs::exists(path));
  store_.Checkpoint(path);
  return {path, LockDirectory(path, LockKind::kShared)};
}

void SnapshotMaker::Sweep() {
  try {
    if (!fs::exists(directory_)) return;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (LockDirectory(entry.path(), LockKind::kExclusive)) fs::remove_all(entry.path());
    }
  } catch (const std::system_error&) {
    return;  // one that its user removes at this moment, most likely
  }
}

}  // namespace stampede::app
