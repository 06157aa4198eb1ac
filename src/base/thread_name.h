#pragma once

#include <string>
#include <string_view>

namespace stampede {

// Names of threads, as `top -H`, `perf` and /proc/PID/task/*/comm show them: pthread_setname_np(3).
// The kernel keeps 15 bytes; of a longer name the first ones. A thread that is started has the name
// of the one that starts it until it gets its own.

// Of the calling thread, which must not be the first one: that is the name of the process.
void NameThread(std::string_view name);

// Names the calling thread for a scope: so that threads which a library starts meanwhile are named.
class ThreadNameScope {
 public:
  explicit ThreadNameScope(std::string_view name);
  ~ThreadNameScope();
  ThreadNameScope(const ThreadNameScope&) = delete;
  ThreadNameScope& operator=(const ThreadNameScope&) = delete;

 private:
  std::string before_;
};

}  // namespace stampede
