#include "features/media/blobs.h"

#include <fcntl.h>
#include <unistd.h>

#include <system_error>

#include "base/check.h"
#include "codec/hex.h"

namespace stampede::media {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNameBytes = 16;
constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"image/png", "png"}, {"image/jpeg", "jpg"}, {"image/gif", "gif"}, {"image/webp", "webp"}};

std::string_view TypeFor(std::string_view extension) {
  for (auto [type, known] : kTypes) {
    if (known == extension) return type;
  }
  return {};
}

class File {
 public:
  File(const fs::path& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void WriteAll(const File& file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) Throw("write a blob");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void SyncDirectory(const fs::path& directory) {
  File file(directory, O_RDONLY | O_DIRECTORY);
  if (!file.ok() || fsync(file.fd()) != 0) Throw("sync a directory of blobs");
}

class LocalBlobStore final : public BlobStore {
 public:
  LocalBlobStore(fs::path directory, Random& random)
      : directory_(std::move(directory)), random_(random) {
    fs::create_directories(directory_ / "tmp");
    // What a crash left behind.
    for (const auto& entry : fs::directory_iterator(directory_ / "tmp")) fs::remove(entry.path());
  }

  std::string Put(std::string_view bytes, std::string_view content_type) override {
    std::string_view extension = ExtensionFor(content_type);
    STAMPEDE_CHECK(!extension.empty());
    std::string raw(kNameBytes, '\0');
    random_.Fill({reinterpret_cast<uint8_t*>(raw.data()), raw.size()});
    std::string name = codec::HexEncode(raw) + "." + std::string(extension);
    fs::path temporary = directory_ / "tmp" / name, path = PathOf(name);
    {
      File file(temporary, O_WRONLY | O_CREAT | O_EXCL);
      if (!file.ok()) Throw("create a blob");
      WriteAll(file, bytes);
      if (fsync(file.fd()) != 0) Throw("sync a blob");
    }
    fs::create_directories(path.parent_path());
    fs::rename(temporary, path);
    SyncDirectory(path.parent_path());
    SyncDirectory(path.parent_path().parent_path());
    return name;
  }

  std::optional<Blob> Get(std::string_view name) override {
    if (!IsBlobName(name)) return std::nullopt;
    File file(PathOf(name), O_RDONLY);
    if (!file.ok()) {
      if (errno == ENOENT) return std::nullopt;
      Throw("open a blob");
    }
    Blob blob{.content_type = std::string(TypeFor(name.substr(name.find('.') + 1)))};
    char buffer[64 * 1024];
    for (;;) {
      ssize_t count = read(file.fd(), buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) Throw("read a blob");
      if (count == 0) return blob;
      blob.bytes.append(buffer, static_cast<size_t>(count));
    }
  }

  void Delete(std::string_view name) override {
    if (IsBlobName(name)) fs::remove(PathOf(name));
  }

 private:
  fs::path PathOf(std::string_view name) const {
    return directory_ / name.substr(0, 2) / name.substr(2, 2) / name;
  }

  fs::path directory_;
  Random& random_;
};

}  // namespace

bool IsBlobName(std::string_view name) {
  constexpr size_t kDigits = 2 * kNameBytes;
  if (name.size() < kDigits + 2 || name[kDigits] != '.') return false;
  for (char c : name.substr(0, kDigits)) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return !TypeFor(name.substr(kDigits + 1)).empty();
}

std::string_view ExtensionFor(std::string_view content_type) {
  for (auto [type, extension] : kTypes) {
    if (type == content_type) return extension;
  }
  return {};
}

std::unique_ptr<BlobStore> MakeLocalBlobStore(fs::path directory, Random& random) {
  return std::make_unique<LocalBlobStore>(std::move(directory), random);
}

}  // namespace stampede::media
