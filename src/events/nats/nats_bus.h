#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "events/bus.h"
#include "obs/metrics.h"

namespace stampede::events {

struct NatsOptions {
  std::string servers;  // "nats://a:4222,nats://b:4222"; user and password may stand in them
  int64_t replicas = 1;
  int64_t stream_bytes_max = 256LL * 1024 * 1024;
  // Names the stream and the subjects. Sites that share NATS have accounts of their own there, or
  // different prefixes. Letters, digits, '-' and '_'.
  std::string prefix = "stampede";

  size_t queue_max = limits::kEventQueueMax;  // of one subscriber
  size_t unsent_max = limits::kEventsUnsentMax;
  int64_t blind_ms = limits::kEventBlindMs;
  int64_t patience_ms = limits::kEventPatienceMs;  // with what is missing, until it is a gap
  // How long to wait for NATS at the start, before going on without.
  int64_t start_ms = 2'000;
};

// The bus of many processes, on NATS JetStream (docs.nats.io/nats-concepts/jetstream): events go to
// one stream, which it creates and sizes; every process hears all of it, from now, in the order of
// the stream.
//
// Local subscribers hear an event when it is published, without NATS; the echo is left out. To
// others it goes in the background: what NATS has not acknowledged is kept, within bounds, and sent
// again in order until it has; what was too much stays in the outbox (Acknowledgements). A stream
// drops what it has seen within two minutes, so that sending twice is hearing once.
//
// Missed events are replayed from the last one seen, by their number in the stream. Where that is
// impossible (the stream has dropped them, or is not the one it was), subscribers are told of a gap.
// Throws std::runtime_error only for options that can never work.
std::unique_ptr<Bus> MakeNatsBus(const NatsOptions& options, Clock& clock, Random& random,
                                 obs::Metrics& metrics);

}  // namespace stampede::events
