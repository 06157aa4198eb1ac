#include "events/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "store/memory/memory_store.h"

namespace stampede::events {
namespace {

constexpr int64_t kEveryMs = 60'000;
constexpr int64_t kLeaseMs = 10'000;

class TurnsTest : public ::testing::Test {
 protected:
  bool Take(std::string_view task = "sweep") { return turns_.Take(task, kEveryMs, kLeaseMs); }

  std::unique_ptr<store::Store> store_ = store::MakeMemoryStore();
  ManualClock clock_;
  Turns turns_{*store_, clock_};
};

TEST_F(TurnsTest, OneOfManyGetsTheTurnOfEachPeriod) {
  for (int period = 0; period < 20; ++period) {
    std::atomic<int> taken{0};
    std::vector<std::thread> processes;
    for (int i = 0; i < 4; ++i) {
      processes.emplace_back([&] {
        Turns turns(*store_, clock_);
        if (turns.Take("sweep", kEveryMs, kLeaseMs)) ++taken;
      });
    }
    for (std::thread& process : processes) process.join();
    EXPECT_EQ(taken, 1);
    turns_.Done("sweep", kEveryMs);
    clock_.AdvanceMs(kEveryMs - 1);
    EXPECT_FALSE(Take());
    clock_.AdvanceMs(1);
  }
}

TEST_F(TurnsTest, TasksHaveTheirOwnTurns) {
  EXPECT_TRUE(Take("sweep"));
  EXPECT_TRUE(Take("count"));
  EXPECT_FALSE(Take("count"));
}

TEST_F(TurnsTest, WhenTheHolderDiesAnotherGetsTheTurnAfterTheLease) {
  EXPECT_TRUE(Take());
  clock_.AdvanceMs(kLeaseMs - 1);
  EXPECT_FALSE(Take());
  clock_.AdvanceMs(1);
  EXPECT_TRUE(Take());
}

TEST_F(TurnsTest, ATimeWrittenByAWrongClockStopsNobody) {
  ManualClock ahead(clock_.NowMs() + 1'000'000'000);
  EXPECT_TRUE(Turns(*store_, ahead).Take("sweep", kEveryMs, kLeaseMs));
  EXPECT_TRUE(Take());
}

}  // namespace
}  // namespace stampede::events
