#include "app/cluster.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "events/nats/test_server.h"

namespace stampede::app {
namespace {

using events::testing::Eventually;

constexpr net::RateLimiter::Rule kRule = {"test", 3, 3600};

// What one server of a cluster has of it.
struct Server {
  explicit Server(const Config& config)
      : bus(MakeBus(config, clock, random, metrics)),
        limiter(clock, 1000),
        shared_limits(*bus, limiter) {
    shared_limits.Start();
  }
  ~Server() {
    shared_limits.Stop();
    bus->Stop();
  }

  SystemClock clock;
  SystemRandom random;
  obs::Metrics metrics;
  std::unique_ptr<events::Bus> bus;
  net::RateLimiter limiter;
  SharedLimits shared_limits;
};

TEST(SharedLimits, ALimitHoldsWhereverTheRequestsLand) {
  events::testing::NatsServer nats;
  Config config;
  config.database = "postgresql:///";
  config.events = nats.url();
  Server a(config), b(config);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(a.limiter.Use(kRule, "alice").allowed);
  EXPECT_TRUE(Eventually([&] { return !b.limiter.Use(kRule, "alice").allowed; }));
  EXPECT_TRUE(b.limiter.Use(kRule, "bob").allowed);
}

TEST(MakeBus, EventsWithoutADatabaseAreRefused) {
  Config config;
  config.events = "nats://127.0.0.1:4222";
  SystemClock clock;
  SystemRandom random;
  obs::Metrics metrics;
  EXPECT_THROW(MakeBus(config, clock, random, metrics), std::invalid_argument);
}

TEST(MakeBus, AServerAloneHasABusThatNobodyShares) {
  Server alone((Config()));
  EXPECT_FALSE(alone.bus->shared());
}

}  // namespace
}  // namespace stampede::app
