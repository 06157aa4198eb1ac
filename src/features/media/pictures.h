#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "features/media/blobs.h"
#include "features/media/policy.h"

namespace stampede::media {

struct PictureOptions {
  // The program that decodes, started with the picture's kind as its last argument; see child.h.
  std::vector<std::string> child = {"/proc/self/exe", "media-child"};
  int children_max = 2;         // that run at a time
  int64_t timeout_ms = 25'000;  // of one child
};

// Makes avatars and headers of what people upload. Decoding happens in a process of its own
// (child.h). Thread-safe; blocks for some tens of milliseconds, or for as long as others are before
// it.
class PictureMaker {
 public:
  PictureMaker(PictureOptions options, Clock& clock);

  // The cropped picture, a PNG or JPEG file. Throws kInvalid ("Validation failed: Avatar …") for
  // what is no picture or too large, kUnavailable when it could not be tried.
  Blob Make(PictureKind kind, std::string_view upload);

 private:
  class Slot;
  struct Outcome {
    int exit_code = -1;  // -1: killed, or did not exit by itself
    std::string output;
  };
  Outcome RunChildProcess(PictureKind kind, std::string_view upload);

  PictureOptions options_;
  Clock& clock_;
  Mutex mutex_;
  CondVar free_;
  int running_ STAMPEDE_GUARDED_BY(mutex_) = 0;
};

}  // namespace stampede::media
