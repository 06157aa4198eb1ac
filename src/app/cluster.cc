#include "app/cluster.h"

#include <stdexcept>

#include "base/thread_name.h"
#include "events/nats/nats_bus.h"

namespace stampede::app {
namespace {

constexpr int64_t kTellUs = 500'000;
constexpr std::string_view kTopic = "rate_limits";
constexpr int64_t kMiB = 1024 * 1024;

}  // namespace

std::unique_ptr<events::Bus> MakeBus(const Config& config, Clock& clock, Random& random,
                                     obs::Metrics& metrics) {
  if (config.events.empty()) return events::MakeInProcessBus();
  if (config.database.empty()) {
    throw std::invalid_argument("setting events: servers that share events share a `database` too");
  }
  return events::MakeNatsBus({.servers = config.events,
                              .replicas = config.events_replicas,
                              .stream_bytes_max = config.events_mb * kMiB},
                             clock, random, metrics);
}

SharedLimits::SharedLimits(events::Bus& bus, net::RateLimiter& limiter)
    : bus_(bus), limiter_(limiter) {
  if (bus_.shared()) limiter_.Share();
}

void SharedLimits::Start() {
  if (!bus_.shared()) return;
  bus_.OnBroadcast(std::string(kTopic),
                   [this](std::string_view bytes) { limiter_.AddUses(bytes); });
  thread_ = std::thread([this] {
    NameThread("shared_limits");
    Loop();
  });
}

void SharedLimits::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void SharedLimits::Loop() {
  while (true) {
    for (std::string uses; !(uses = limiter_.TakeUses(limits::kBroadcastBytesMax)).empty();) {
      bus_.Broadcast(kTopic, uses);
    }
    MutexLock lock(mutex_);
    if (!stopping_) stop_.WaitFor(mutex_, kTellUs);
    if (stopping_) return;
  }
}

}  // namespace stampede::app
