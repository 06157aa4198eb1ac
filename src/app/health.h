#pragma once

#include <atomic>

#include "net/route.h"
#include "net/server.h"
#include "obs/metrics.h"
#include "store/store.h"

namespace stampede::app {

// Answers on the metrics address: /metrics in Prometheus' text format, and /health.
class MetricsHandler final : public net::HttpHandler {
 public:
  explicit MetricsHandler(obs::Metrics& metrics) : metrics_(metrics) {}
  size_t BodyBytesMax(net::Method, std::string_view) const override { return 0; }
  net::Reply Handle(net::Request& request) override;

 private:
  obs::Metrics& metrics_;
};

// GET /health: OK once the store answers; 503 while `draining`, for load balancers to send requests
// elsewhere.
void AddHealthRoute(net::RouteTable& table, store::Store& store, const std::atomic<bool>& draining);

}  // namespace stampede::app
