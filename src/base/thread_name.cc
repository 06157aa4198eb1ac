#include "base/thread_name.h"

#include <pthread.h>

#include <array>

namespace stampede {

namespace {

constexpr size_t kNameBytesMax = 15;

}  // namespace

void NameThread(std::string_view name) {
  // It can fail only for a name that is too long.
  pthread_setname_np(pthread_self(), std::string(name.substr(0, kNameBytesMax)).c_str());
}

ThreadNameScope::ThreadNameScope(std::string_view name) {
  std::array<char, kNameBytesMax + 1> before{};
  pthread_getname_np(pthread_self(), before.data(), before.size());
  before_ = before.data();
  NameThread(name);
}

ThreadNameScope::~ThreadNameScope() { NameThread(before_); }

}  // namespace stampede
