#include "bench/http_load.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "net/server.h"
#include "obs/metrics.h"

namespace stampede::bench {
namespace {

// Answers with the body it was sent, "/bad" with 500, and "/slow" after 20 ms.
class Echo final : public net::HttpHandler {
 public:
  size_t BodyBytesMax(net::Method, std::string_view) const override { return 1 << 20; }
  net::Reply Handle(net::Request& request) override {
    ++requests;
    if (request.path == "/slow") std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return net::Reply::Text(request.body, request.path == "/bad" ? 500 : 200);
  }
  std::atomic<int> requests = 0;
};

class Numbers final : public LoadSource {
 public:
  Numbers(uint64_t count, std::string path) : count_(count), path_(std::move(path)) {}
  bool Next(std::string& request, uint64_t& tag) override {
    if (next_ == count_) return false;
    tag = next_++;
    request += FormatRequest("POST", path_, "token", Body(tag));
    return true;
  }
  bool OnReply(uint64_t tag, int status, std::string_view body) override {
    return status == 200 && body == Body(tag);
  }

 private:
  // Some small, some larger than what one read takes.
  static std::string Body(uint64_t tag) {
    return std::string(tag % 10 == 0 ? 10'000 : 1, 'x') + std::to_string(tag);
  }
  uint64_t count_, next_ = 0;
  std::string path_;
};

class HttpLoadTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.Start(); }
  void TearDown() override { server_.Stop(); }

  SystemClock clock_;
  SystemRandom random_;
  obs::Metrics metrics_;
  Echo echo_;
  net::HttpServer server_{{.workers = 2}, echo_, clock_, random_, metrics_};
};

TEST_F(HttpLoadTest, AClosedLoopSendsEverythingOnceAndMatchesEveryReply) {
  Numbers source(2'000, "/");
  LoadResult result = RunLoad(source, {.port = server_.port(), .connections = 8});
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.right, 2'000u);
  EXPECT_EQ(result.latency_us.count(), 2'000u);
  EXPECT_EQ(echo_.requests, 2'000);
  EXPECT_GT(result.per_second(), 0);
}

TEST_F(HttpLoadTest, AnOpenLoopKeepsToItsRate) {
  Numbers source(1'000'000, "/");
  double cpu_s = 0;
  LoadResult result = RunLoad(source, {.port = server_.port(),
                                       .connections = 4,
                                       .rate_per_s = 2'000,
                                       .duration_us = 1'200'000,
                                       .server_cpu_s = [&] { return cpu_s += 1; }});
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.calm_us.count(), 0u) << "nobody watched the machine";
  ASSERT_EQ(result.each_second.size(), 2u);
  EXPECT_EQ(result.each_second[0].latency_us.count() + result.each_second[1].latency_us.count(),
            result.latency_us.count());
  EXPECT_EQ(result.each_second[0].server_cpu_s, 1);
  EXPECT_EQ(result.each_second[1].server_cpu_s, 0) << "it was not over";
  EXPECT_NEAR(static_cast<double>(result.right), 2'400, 300);
  EXPECT_EQ(result.right, static_cast<uint64_t>(echo_.requests));
}

TEST_F(HttpLoadTest, ASlowServerIsNotTakenForASlowMachine) {
  Numbers source(1'000'000, "/slow");
  LoadResult result = RunLoad(source, {.port = server_.port(),
                                       .connections = 4,
                                       .rate_per_s = 100,
                                       .duration_us = 500'000,
                                       .watch_pace = true});
  EXPECT_TRUE(result.clean());
  EXPECT_LE(result.calm_us.count(), result.latency_us.count());
  EXPECT_GT(result.calm_us.Percentile(50), 20'000u);
}

TEST_F(HttpLoadTest, WhatTheSourceRefusesIsCountedAsWrong) {
  Numbers source(50, "/bad");
  LoadResult result = RunLoad(source, {.port = server_.port(), .connections = 3});
  EXPECT_FALSE(result.clean());
  EXPECT_EQ(result.wrong, 50u);
  EXPECT_EQ(result.statuses.at(500), 50u);
}

TEST_F(HttpLoadTest, AServerThatIsNotThereIsAnError) {
  Numbers source(1, "/");
  EXPECT_THROW(RunLoad(source, {.port = 1, .connections = 1}), std::system_error);
}

}  // namespace
}  // namespace stampede::bench
