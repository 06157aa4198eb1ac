#include "base/thread_name.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <thread>

namespace stampede {
namespace {

std::string NameOfThisThread() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(ThreadName, IsThatOfTheThreadOnly) {
  const std::string before = NameOfThisThread();
  std::string inside;
  std::thread([&] {
    NameThread("feeds");
    inside = NameOfThisThread();
  }).join();
  EXPECT_EQ(inside, "feeds");
  EXPECT_EQ(NameOfThisThread(), before);
}

TEST(ThreadName, ALongOneIsCut) {
  std::string inside;
  std::thread([&] {
    NameThread("job:notifications.deliver");
    inside = NameOfThisThread();
  }).join();
  EXPECT_EQ(inside, "job:notificatio");
}

TEST(ThreadName, OfAScopeIsInheritedAndGivenBack) {
  const std::string before = NameOfThisThread();
  std::string inherited;
  {
    ThreadNameScope scope("nats");
    std::thread([&] { inherited = NameOfThisThread(); }).join();
  }
  EXPECT_EQ(inherited, "nats");
  EXPECT_EQ(NameOfThisThread(), before);
}

}  // namespace
}  // namespace stampede
