#include "base/thread_priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

namespace stampede {
namespace {

TEST(ThreadPriority, IsThatOfTheThreadOnlyAndIsNeverRaised) {
  const int before = getpriority(PRIO_PROCESS, 0);
  int lowered = 0, after_less = 0;
  std::thread([&] {
    LowerThread(ThreadPriority::kBackground);
    lowered = getpriority(PRIO_PROCESS, 0);
    LowerThread(ThreadPriority::kBegins);
    after_less = getpriority(PRIO_PROCESS, 0);
  }).join();
  EXPECT_GE(lowered, 10);
  EXPECT_EQ(after_less, lowered);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
}

}  // namespace
}  // namespace stampede
