#pragma once

namespace stampede {

// Prints the failed condition and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace stampede

// For our own mistakes only, never reachable from input. Stays on in release builds.
#define STAMPEDE_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::stampede::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
