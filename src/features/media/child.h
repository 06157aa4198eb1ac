#pragma once

#include <string_view>

namespace stampede::media {

// How the child tells the parent what became of the picture; also what `stampede media-child` exits
// with.
enum class ChildExit : int {
  kDone = 0,         // standard output has one byte, 'P' for PNG or 'J' for JPEG, then the file
  kUnreadable = 10,  // not a picture, or broken
  kTooLarge = 11,    // more pixels than limits::kProfileImagePixelsMax
  kNoLibrary = 12,   // libvips is not installed
  kFailed = 13,
};

// The whole program of the process that decodes what strangers send: reads a picture from standard
// input, turns it upright, crops it for `kind` ("avatar", "header"), converts it to sRGB, drops all
// metadata and writes it to standard output.
//
// It holds no secret and cannot get any: it is started with three descriptors and an empty
// environment, bounded in memory, time and files, and before it looks at a byte of input a seccomp
// filter takes away sockets, programs and writing to files. libvips is loaded here at run time, so
// the server itself never maps it.
ChildExit RunChild(std::string_view kind);

// The same, as the end of the process: at once, because libvips' threads and what is left of the
// system's calls are no place for destructors.
[[noreturn]] void RunChildAndExit(std::string_view kind);

}  // namespace stampede::media
