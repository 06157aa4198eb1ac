#pragma once

#include <memory>
#include <thread>

#include "app/config.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "events/bus.h"
#include "net/rate_limit.h"
#include "obs/metrics.h"

// What makes many processes one server. A process alone has none of it.
namespace stampede::app {

// The bus that the settings name. Throws std::invalid_argument for settings that cannot work.
std::unique_ptr<events::Bus> MakeBus(const Config& config, Clock& clock, Random& random,
                                     obs::Metrics& metrics);

// Tells the other processes twice a second what the rate limiter counted, and hears what theirs did.
// What is lost on the way lets somebody make a few more requests. Does nothing on a bus that nobody
// shares. Both outlive it; the bus stops before the limiter goes.
class SharedLimits {
 public:
  // Before the limiter is used.
  SharedLimits(events::Bus& bus, net::RateLimiter& limiter);
  ~SharedLimits() { Stop(); }

  void Start();
  void Stop();

 private:
  void Loop();

  events::Bus& bus_;
  net::RateLimiter& limiter_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace stampede::app
