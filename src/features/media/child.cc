#include "features/media/child.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/limits.h"
#include "features/media/policy.h"
#include "features/media/sandbox.h"

namespace stampede::media {
namespace {

struct VipsImage;
constexpr int kInterestingCentre = 1;  // VIPS_INTERESTING_CENTRE

// The functions of libvips 8.14 (https://www.libvips.org/API/8.14/) that are used here, found at
// run time. Their variable arguments are pairs of option name and value, closed by a null pointer.
struct Vips {
  int (*init)(const char* program);
  void (*concurrency_set)(int threads);
  VipsImage* (*image_new_from_buffer)(const void* bytes, size_t size, const char* options, ...);
  int (*image_get_width)(const VipsImage*);
  int (*image_get_height)(const VipsImage*);
  int (*image_hasalpha)(VipsImage*);
  int (*thumbnail_buffer)(void* bytes, size_t size, VipsImage** out, int width, ...);
  int (*jpegsave_buffer)(VipsImage*, void** bytes, size_t* size, ...);
  int (*pngsave_buffer)(VipsImage*, void** bytes, size_t* size, ...);

  bool Load();
};

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool Vips::Load() {
  void* library = dlopen("libvips.so.42", RTLD_NOW | RTLD_LOCAL);
  return library && Find(library, "vips_init", init) &&
         Find(library, "vips_concurrency_set", concurrency_set) &&
         Find(library, "vips_image_new_from_buffer", image_new_from_buffer) &&
         Find(library, "vips_image_get_width", image_get_width) &&
         Find(library, "vips_image_get_height", image_get_height) &&
         Find(library, "vips_image_hasalpha", image_hasalpha) &&
         Find(library, "vips_thumbnail_buffer", thumbnail_buffer) &&
         Find(library, "vips_jpegsave_buffer", jpegsave_buffer) &&
         Find(library, "vips_pngsave_buffer", pngsave_buffer);
}

std::optional<std::string> ReadInput() {
  std::string bytes;
  char buffer[64 * 1024];
  for (;;) {
    ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
    if (bytes.size() > limits::kAvatarBytesMax) return std::nullopt;
  }
}

bool WriteOutput(const void* bytes, size_t size) {
  auto* at = static_cast<const char*>(bytes);
  while (size > 0) {
    ssize_t count = write(STDOUT_FILENO, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

std::optional<PictureKind> KindFor(std::string_view word) {
  for (PictureKind kind : {PictureKind::kAvatar, PictureKind::kHeader}) {
    if (word == WordFor(kind)) return kind;
  }
  return std::nullopt;
}

ChildExit Convert(const Vips& vips, PictureKind kind, std::string& input) {
  // Reads the head of the file only.
  VipsImage* head = vips.image_new_from_buffer(input.data(), input.size(), "", nullptr);
  if (!head) return ChildExit::kUnreadable;
  auto pixels = static_cast<size_t>(vips.image_get_width(head)) *
                static_cast<size_t>(vips.image_get_height(head));
  if (pixels > limits::kProfileImagePixelsMax) return ChildExit::kTooLarge;

  PictureSize size = SizeOf(kind);
  VipsImage* picture = nullptr;
  // Colours are converted with the profile that the file carries, so none is needed afterwards.
  if (vips.thumbnail_buffer(input.data(), input.size(), &picture, size.width, "height", size.height,
                            "crop", kInterestingCentre, "export_profile", "srgb", nullptr) != 0)
    return ChildExit::kUnreadable;
  bool transparent = vips.image_hasalpha(picture);
  void* bytes = nullptr;
  size_t bytes_size = 0;
  int failed = transparent ? vips.pngsave_buffer(picture, &bytes, &bytes_size, "strip", 1, nullptr)
                           : vips.jpegsave_buffer(picture, &bytes, &bytes_size, "Q", 90, "strip", 1,
                                                  "optimize_coding", 1, nullptr);
  if (failed) return ChildExit::kUnreadable;
  const char type = transparent ? 'P' : 'J';
  return WriteOutput(&type, 1) && WriteOutput(bytes, bytes_size) ? ChildExit::kDone
                                                                 : ChildExit::kFailed;
}

}  // namespace

ChildExit RunChild(std::string_view word) {
  std::optional<PictureKind> kind = KindFor(word);
  if (!kind || !LimitResources()) return ChildExit::kFailed;
  // Only loaders that are fuzzed; https://www.libvips.org/2022/05/28/What's-new-in-8.13.html.
  setenv("VIPS_BLOCK_UNTRUSTED", "1", 1);
  Vips vips;
  if (!vips.Load() || vips.init("media-child") != 0) return ChildExit::kNoLibrary;
  vips.concurrency_set(1);
  DropSystemCalls();  // without seccomp the limits and the missing descriptors remain
  std::optional<std::string> input = ReadInput();
  if (!input) return ChildExit::kFailed;
  if (!IsKnownImage(*input)) return ChildExit::kUnreadable;
  return Convert(vips, *kind, *input);
}

void RunChildAndExit(std::string_view kind) { _exit(static_cast<int>(RunChild(kind))); }

}  // namespace stampede::media
