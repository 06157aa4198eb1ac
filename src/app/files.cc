#include "app/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <system_error>

namespace stampede::app {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void Throw(const char* what, const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), what + (" " + path.string()));
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags)
      : number_(open(path.c_str(), flags | O_CLOEXEC, 0640)) {
    if (number_ < 0) Throw("open", path);
  }
  ~Descriptor() { close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

}  // namespace

std::shared_ptr<void> LockDirectory(const fs::path& directory, LockKind kind) {
  auto held = std::make_shared<Descriptor>(directory, O_RDONLY | O_DIRECTORY);
  int how = kind == LockKind::kShared ? LOCK_SH : LOCK_EX;
  if (flock(held->get(), how | LOCK_NB) != 0) return nullptr;
  return held;
}

bool LinkFile(const fs::path& from, const fs::path& to) {
  return link(from.c_str(), to.c_str()) == 0 || errno == EEXIST;
}

uint64_t CopyFile(const fs::path& from, const fs::path& to) {
  fs::copy_file(from, to);
  return fs::file_size(to);
}

void WriteFile(const fs::path& path, std::string_view content) {
  Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL);
  while (!content.empty()) {
    ssize_t written = write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) Throw("write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(file.get()) != 0) Throw("sync", path);
}

void SyncFileSystem(const fs::path& path) {
  Descriptor directory(path, O_RDONLY);
  if (syncfs(directory.get()) != 0) Throw("sync", path);
}

FileCount CountFiles(const fs::path& directory) {
  FileCount count;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    ++count.files;
    count.bytes += entry.file_size();
  }
  return count;
}

}  // namespace stampede::app
