#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace stampede::media {

struct Blob {
  std::string bytes;
  std::string content_type;
};

// Files by name: pictures now, attachments later. A name is drawn at random, so two owners never
// share a file and deleting one is safe; what it names never changes, so it may be cached for ever.
// Implementations are thread-safe; they throw std::system_error for a fault.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // Durable when it returns. `content_type` is one of ExtensionFor's.
  virtual std::string Put(std::string_view bytes, std::string_view content_type) = 0;
  // nullopt for a name that is none or not stored.
  virtual std::optional<Blob> Get(std::string_view name) = 0;
  // Idempotent.
  virtual void Delete(std::string_view name) = 0;
};

// One file per blob, as DIR/ab/cd/abcd….png; written under DIR/tmp and renamed, so that a crash
// leaves no half a blob.
std::unique_ptr<BlobStore> MakeLocalBlobStore(std::filesystem::path directory, Random& random);

// 32 lower-case hexadecimal digits, a dot and a known extension: nothing else is ever looked up.
bool IsBlobName(std::string_view name);
// "png" for "image/png" …; empty for a type that is not stored.
std::string_view ExtensionFor(std::string_view content_type);

}  // namespace stampede::media
