#include "features/media/policy.h"

namespace stampede::media {

bool IsKnownImage(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xff\xd8\xff"sv) || bytes.starts_with("\x89PNG\r\n\x1a\n"sv) ||
      bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv))
    return true;
  return bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv) &&
         bytes.size() > 12;
}

}  // namespace stampede::media
