#include "app/backup.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "app/config.h"
#include "app/snapshot.h"
#include "base/error.h"
#include "codec/iso_time.h"
#include "codec/json.h"
#include "codec/json_writer.h"

namespace stampede::app {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kIncomplete = ".incomplete";
constexpr std::string_view kRestoring = "restoring";  // in a data directory
constexpr int64_t kFormat = 1;

struct Manifest {
  std::string identity;  // of the store directory that was saved
  FileCount store, media;
};

[[noreturn]] void Refuse(std::string text) { throw Error(ErrorCode::kConflict, std::move(text)); }

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string RenderManifest(const Manifest& manifest, int64_t started_ms, int64_t finished_ms) {
  codec::JsonWriter json;
  json.Object()
      .Field("format", kFormat)
      .Field("version", kVersion)
      .Field("started_at", codec::IsoTime(started_ms))
      .Field("finished_at", codec::IsoTime(finished_ms))
      .Field("store_identity", manifest.identity)
      .Field("store_files", manifest.store.files)
      .Field("store_bytes", manifest.store.bytes)
      .Field("media_files", manifest.media.files)
      .Field("media_bytes", manifest.media.bytes)
      .EndObject();
  return json.TakeString() + "\n";
}

// nullopt for what is no complete backup.
std::optional<Manifest> LoadManifest(const fs::path& backup) {
  if (!fs::is_regular_file(backup / kManifest)) return std::nullopt;
  try {
    auto value = codec::ParseJson(ReadText(backup / kManifest));
    auto number = [&](const char* name) { return value.at(name).to_number<uint64_t>(); };
    if (value.at("format").to_number<int64_t>() != kFormat) {
      Refuse(backup.string() + " was made by a newer version of this program");
    }
    return Manifest{.identity = std::string(value.at("store_identity").as_string()),
                    .store = {number("store_files"), number("store_bytes")},
                    .media = {number("media_files"), number("media_bytes")}};
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kConflict) throw;
    return std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

bool IsIncomplete(const fs::path& path) { return path.filename().string().ends_with(kIncomplete); }

// The complete backups, oldest first.
std::vector<fs::path> ListBackups(const fs::path& directory) {
  std::vector<fs::path> backups;
  for (const auto& entry : fs::directory_iterator(directory)) {
    bool finished = entry.is_directory() && !IsIncomplete(entry.path());
    if (finished && fs::is_regular_file(entry.path() / kManifest)) backups.push_back(entry.path());
  }
  std::ranges::sort(backups);
  return backups;
}

// One backup in the making.
class Saver {
 public:
  Saver(const std::string& data, fs::path target, std::optional<fs::path> previous)
      : data_(data), target_(std::move(target)), previous_(std::move(previous)) {}

  // Media first and last: a file that a record names was there when the store was caught, so it is
  // found before, should it be deleted soon after, or behind, should it be new.
  void Save() {
    manifest_.identity = ReadText(data_ / "store" / "IDENTITY");
    if (previous_) previous_manifest_ = LoadManifest(*previous_);
    fs::create_directories(target_ / "store");
    fs::create_directories(target_ / "media");
    SaveMedia();
    SaveStore(*Snapshot::Take(data_));
    SaveMedia();
    manifest_.store = CountFiles(target_ / "store");
    manifest_.media = CountFiles(target_ / "media");
    SyncFileSystem(target_);
  }
  const Manifest& manifest() const { return manifest_; }
  uint64_t copied_bytes() const { return copied_bytes_; }

 private:
  void SaveStore(const Snapshot& snapshot) {
    // Two stores may have different files of one name, and a store that was restored goes on with the
    // names of its original.
    bool same_store = previous_manifest_ && previous_manifest_->identity == manifest_.identity;
    for (const auto& entry : fs::directory_iterator(snapshot.path())) {
      fs::path name = entry.path().filename();
      fs::path to = target_ / "store" / name;
      bool never_changes = name.extension() == ".sst";
      if (never_changes && LinkFile(entry.path(), to)) continue;
      if (never_changes && same_store && LinkAlike(entry, *previous_ / "store" / name, to))
        continue;
      copied_bytes_ += CopyFile(entry.path(), to);
    }
  }

  static bool LinkAlike(const fs::directory_entry& entry, const fs::path& old, const fs::path& to) {
    std::error_code missing;
    return fs::file_size(old, missing) == entry.file_size() && !missing && LinkFile(old, to);
  }

  void SaveMedia() {
    fs::path from = data_ / "media";
    if (!fs::exists(from)) return;
    for (auto it = fs::recursive_directory_iterator(from); it != fs::end(it); ++it) {
      fs::path name = it->path().lexically_relative(from);
      if (it->is_directory()) {
        if (name == "tmp") {  // files in the making
          it.disable_recursion_pending();
        } else {
          fs::create_directories(target_ / "media" / name);
        }
      } else if (it->is_regular_file()) {
        SaveMediaFile(it->path(), name);
      }
    }
  }

  void SaveMediaFile(const fs::path& from, const fs::path& name) {
    fs::path to = target_ / "media" / name;
    if (LinkFile(from, to)) return;
    if (previous_ && LinkFile(*previous_ / "media" / name, to)) return;
    try {
      copied_bytes_ += CopyFile(from, to);
    } catch (const fs::filesystem_error& error) {
      // Deleted since its directory was read.
      if (error.code() != std::errc::no_such_file_or_directory) throw;
    }
  }

  const fs::path data_;
  const fs::path target_;
  const std::optional<fs::path> previous_;
  std::optional<Manifest> previous_manifest_;
  Manifest manifest_;
  uint64_t copied_bytes_ = 0;
};

fs::path NameFor(const fs::path& directory, int64_t now_ms) {
  std::string name = codec::IsoTime(now_ms).substr(0, 19) + "Z";
  std::erase(name, ':');
  fs::path path = directory / name;
  for (int i = 2; fs::exists(path); ++i) path = directory / (name + "-" + std::to_string(i));
  return path;
}

// The backup that an operator means by a path.
fs::path FindBackup(const fs::path& from) {
  if (fs::is_regular_file(from / kManifest) && !IsIncomplete(from)) return from;
  if (!fs::is_directory(from)) Refuse("There is no backup at " + from.string());
  std::vector<fs::path> backups = ListBackups(from);
  if (backups.empty()) Refuse("There is no complete backup in " + from.string());
  return backups.back();
}

bool IsEmptyDirectory(const fs::path& path) {
  return std::ranges::all_of(fs::directory_iterator(path), [](const fs::directory_entry& entry) {
    return entry.path().filename() == kRestoring;
  });
}

}  // namespace

BackupReport Backup(const std::string& data, const std::string& directory, size_t keep,
                    Clock& clock) {
  RequireEmbedded(data);
  int64_t started_ms = clock.NowMs();
  fs::create_directories(directory);
  auto lock = LockDirectory(directory, LockKind::kExclusive);
  if (!lock) Refuse("Another backup is being written to " + directory);
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (IsIncomplete(entry.path())) fs::remove_all(entry.path());
  }
  std::vector<fs::path> backups = ListBackups(directory);
  fs::path path = NameFor(directory, started_ms);
  fs::path unfinished = path.string() + std::string(kIncomplete);
  Saver saver(data, unfinished,
              backups.empty() ? std::nullopt : std::optional<fs::path>(backups.back()));
  saver.Save();
  WriteFile(unfinished / kManifest, RenderManifest(saver.manifest(), started_ms, clock.NowMs()));
  fs::rename(unfinished, path);
  SyncFileSystem(directory);

  backups.push_back(path);
  for (size_t i = 0; keep > 0 && i + keep < backups.size(); ++i) fs::remove_all(backups[i]);
  return {path.string(), saver.manifest().store, saver.manifest().media, saver.copied_bytes()};
}

BackupReport Restore(const std::string& from, const std::string& data) {
  fs::path backup = FindBackup(from);
  std::optional<Manifest> manifest = LoadManifest(backup);
  if (!manifest || CountFiles(backup / "store") != manifest->store ||
      CountFiles(backup / "media") != manifest->media) {
    Refuse("The backup " + backup.string() + " is incomplete: it is not what its manifest says");
  }
  fs::create_directories(data);
  if (!IsEmptyDirectory(data)) Refuse("The data directory " + data + " is not empty");
  fs::path restoring = fs::path(data) / kRestoring;
  fs::remove_all(restoring);
  fs::create_directories(restoring);
  // Copied, not linked: a backup must not share its files with what is in use.
  fs::copy(backup / "store", restoring / "store", fs::copy_options::recursive);
  fs::copy(backup / "media", restoring / "media", fs::copy_options::recursive);
  SyncFileSystem(restoring);
  fs::rename(restoring / "media", fs::path(data) / "media");
  fs::rename(restoring / "store", fs::path(data) / "store");
  fs::remove(restoring);
  SyncFileSystem(data);
  return {backup.string(), manifest->store, manifest->media,
          manifest->store.bytes + manifest->media.bytes};
}

void RefuseHalfRestored(const std::string& data) {
  if (!fs::exists(fs::path(data) / kRestoring)) return;
  throw Error(ErrorCode::kUnavailable,
              "A restore into " + data + " was not finished: empty it and restore again");
}

}  // namespace stampede::app
