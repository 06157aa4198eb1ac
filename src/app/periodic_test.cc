#include "app/periodic.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "events/test_support.h"
#include "store/memory/memory_store.h"

namespace stampede::app {
namespace {

using events::testing::Eventually;

constexpr int64_t kEveryMs = 100;

// Processes with one task each, on one store.
class PeriodicTest : public ::testing::Test {
 protected:
  std::unique_ptr<Periodic> Start(std::function<void()> task) {
    auto periodic = std::make_unique<Periodic>(*store_, clock_);
    periodic->Add("task", kEveryMs, std::move(task));
    periodic->Start();
    return periodic;
  }

  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::MakeMemoryStore();
  std::atomic<int64_t> runs_{0};
};

TEST_F(PeriodicTest, ManyProcessesRunATaskOncePerPeriod) {
  const int64_t start_ms = clock_.NowMs();
  std::vector<std::unique_ptr<Periodic>> processes;
  for (int i = 0; i < 4; ++i) processes.push_back(Start([this] { ++runs_; }));
  EXPECT_TRUE(Eventually([&] { return runs_ >= 5; }));
  EXPECT_LE(runs_, (clock_.NowMs() - start_ms) / kEveryMs + 1);
}

TEST_F(PeriodicTest, WhenOneProcessEndsTheOthersGoOn) {
  auto first = Start([this] { ++runs_; });
  EXPECT_TRUE(Eventually([&] { return runs_ >= 1; }));
  first.reset();
  auto second = Start([this] { ++runs_; });
  const int64_t before = runs_;
  EXPECT_TRUE(Eventually([&] { return runs_ > before; }));
}

TEST_F(PeriodicTest, ATaskThatFailsRunsAgain) {
  auto periodic = Start([this] {
    ++runs_;
    throw std::runtime_error("no");
  });
  EXPECT_TRUE(Eventually([&] { return runs_ >= 2; }));
}

}  // namespace
}  // namespace stampede::app
