#include "net/rate_limit.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace stampede::net {
namespace {

constexpr RateLimiter::Rule kRule = {"test", 3, 60};

TEST(RateLimiter, AllowsSoManyAWindow) {
  ManualClock clock(1'700'000'010'000);
  RateLimiter limiter(clock, 1000);
  for (int64_t left : {2, 1, 0}) {
    RateLimiter::Result result = limiter.Use(kRule, "alice");
    EXPECT_TRUE(result.allowed);
    EXPECT_EQ(result.remaining, left);
    EXPECT_EQ(result.limit, 3);
  }
  EXPECT_FALSE(limiter.Use(kRule, "alice").allowed);
  EXPECT_EQ(limiter.Use(kRule, "alice").remaining, 0);
  EXPECT_TRUE(limiter.Use(kRule, "bob").allowed);
  EXPECT_TRUE(limiter.Use({"other", 3, 60}, "alice").allowed);
}

TEST(RateLimiter, WindowsAreAlignedToTheEpoch) {
  ManualClock clock(1'700'000'010'000);  // 30 s into its minute
  RateLimiter limiter(clock, 1000);
  for (int i = 0; i < 4; ++i) limiter.Use(kRule, "alice");
  EXPECT_EQ(limiter.Use(kRule, "alice").reset_ms, 1'700'000'040'000);
  clock.AdvanceMs(29'999);
  EXPECT_FALSE(limiter.Use(kRule, "alice").allowed);
  clock.AdvanceMs(1);
  RateLimiter::Result result = limiter.Use(kRule, "alice");
  EXPECT_TRUE(result.allowed);
  EXPECT_EQ(result.remaining, 2);
  EXPECT_EQ(result.reset_ms, 1'700'000'100'000);
}

TEST(RateLimiter, AFloodOfSubjectsDropsTheWindowsThatEndFirst) {
  ManualClock clock;
  RateLimiter limiter(clock, 1600);
  constexpr RateLimiter::Rule kDay = {"day", 1, 86'400};
  limiter.Use(kDay, "alice");
  for (int i = 0; i < 20'000; ++i) limiter.Use(kRule, std::to_string(i));
  EXPECT_FALSE(limiter.Use(kDay, "alice").allowed);
}

TEST(RateLimiter, ProcessesThatTellEachOtherShareALimit) {
  ManualClock clock(1'700'000'010'000);
  RateLimiter a(clock, 1000), b(clock, 1000);
  a.Share();
  b.Share();
  a.Use(kRule, "alice");
  a.Use(kRule, "alice");
  b.AddUses(a.TakeUses(1000));
  EXPECT_EQ(a.TakeUses(1000), "");
  EXPECT_EQ(b.TakeUses(1000), "") << "what was heard is not told on";
  EXPECT_EQ(b.Use(kRule, "alice").remaining, 0);
  EXPECT_EQ(b.Use(kRule, "bob").remaining, 2);
  a.AddUses(b.TakeUses(1000));
  EXPECT_FALSE(a.Use(kRule, "alice").allowed);
  EXPECT_EQ(a.Use(kRule, "bob").remaining, 1);
}

TEST(RateLimiter, WhatIsToldAfterTheWindowCountsForNothing) {
  ManualClock clock(1'700'000'010'000);
  RateLimiter a(clock, 1000), b(clock, 1000);
  a.Share();
  a.Use(kRule, "alice");
  const std::string late = a.TakeUses(1000);
  clock.AdvanceMs(30'000);
  b.AddUses(late);
  EXPECT_EQ(b.Use(kRule, "alice").remaining, 2);
  a.Use(kRule, "alice");
  b.AddUses(a.TakeUses(1000));
  EXPECT_EQ(b.Use(kRule, "alice").remaining, 0);
}

TEST(RateLimiter, ManyUsesAreToldInPieces) {
  ManualClock clock;
  RateLimiter a(clock, 10'000), b(clock, 10'000);
  a.Share();
  for (int i = 0; i < 1000; ++i) a.Use(kRule, std::to_string(i));
  size_t pieces = 0;
  for (std::string bytes; !(bytes = a.TakeUses(2400)).empty(); ++pieces) {
    EXPECT_LE(bytes.size(), 2400u);
    b.AddUses(bytes);
  }
  EXPECT_EQ(pieces, 10u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(b.Use(kRule, std::to_string(i)).remaining, 1);
}

TEST(RateLimiter, BytesOfSomebodyElseAreIgnored) {
  ManualClock clock;
  RateLimiter limiter(clock, 100);
  limiter.AddUses("short");
  limiter.AddUses(std::string(24, '\xff'));
  limiter.AddUses(std::string(24, '\0'));
  EXPECT_EQ(limiter.Use(kRule, "alice").remaining, 2);
}

TEST(RateLimiter, NoUseIsLostBetweenThreads) {
  ManualClock clock;
  RateLimiter limiter(clock, 1000);
  constexpr RateLimiter::Rule kMany = {"many", 100'000, 60};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) limiter.Use(kMany, "alice");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(limiter.Use(kMany, "alice").remaining, 100'000 - 4001);
}

}  // namespace
}  // namespace stampede::net
