#pragma once

#include <cstdint>
#include <string_view>

namespace stampede::media {

// What a picture is for: it is cropped in the middle to that size, as Mastodon's are.
enum class PictureKind : uint8_t { kAvatar, kHeader };

struct PictureSize {
  int width, height;
};
constexpr PictureSize SizeOf(PictureKind kind) {
  return kind == PictureKind::kAvatar ? PictureSize{400, 400} : PictureSize{1500, 500};
}
// The word for it in arguments and, capitalised, in messages.
constexpr std::string_view WordFor(PictureKind kind) {
  return kind == PictureKind::kAvatar ? "avatar" : "header";
}

// Whether the first bytes are those of JPEG, PNG, GIF or WebP, the only formats whose decoders are
// ever reached. What a client claims about a file counts for nothing.
bool IsKnownImage(std::string_view bytes);

}  // namespace stampede::media
