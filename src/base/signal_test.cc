#include "base/signal.h"

#include <gtest/gtest.h>

#include <thread>

namespace stampede {
namespace {

TEST(Signal, LetsAWaitPassThatComesLater) {
  Signal signal;
  signal.Set();
  signal.Wait();
  signal.Reset();
  signal.Set();
  signal.Wait();
}

TEST(Signal, HandsOverWhatWasWrittenBefore) {
  Signal ping, pong;
  int value = 0;
  std::thread other([&] {
    for (int round = 0; round < 10'000; ++round) {
      ping.Wait();
      ping.Reset();
      ++value;
      pong.Set();
    }
  });
  for (int round = 0; round < 10'000; ++round) {
    ASSERT_EQ(value, round);
    ping.Set();
    pong.Wait();
    pong.Reset();
  }
  other.join();
}

}  // namespace
}  // namespace stampede
