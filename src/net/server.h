#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "net/reply.h"
#include "net/request.h"
#include "obs/metrics.h"

namespace stampede::net {

// What answers requests. Called on worker threads, many at a time.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // How large a body this path takes; asked before any of it is read.
  virtual size_t BodyBytesMax(Method method, std::string_view path) const = 0;
  // Must not throw.
  virtual Reply Handle(Request& request) = 0;
  // Asked after Handle, unless the method is safe (RFC 9110, section 9.2.1): calls `send` once, when
  // everything that the reply says was done is so for good. With an exception, 503 is sent in its
  // place. At once, or later on any thread. `send` does not throw or block.
  using Send = std::function<void(std::exception_ptr failure)>;
  virtual void WhenSettled(Send send) { send(nullptr); }
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free port, see HttpServer::port()
  int io_threads = 1;
  int workers = 32;                            // handlers that run at a time, at most
  int workers_preferred = 32;                  // while none of them is stuck; see WorkerPool
  size_t queue_max = limits::kWorkerQueueMax;  // requests that wait for a worker; more get 503
  size_t connections_max = limits::kConnectionsMax;
  size_t bodies_bytes_max = limits::kBodiesBytesMax;  // of all requests in memory; more get 503
  std::vector<std::string>
      trusted_proxies;  // addresses or CIDR blocks whose X-Forwarded-For counts
  int header_timeout_ms = limits::kHeaderTimeoutMs;
  int body_timeout_ms = limits::kBodyTimeoutMs;
  int idle_timeout_ms = limits::kIdleTimeoutMs;
  int write_timeout_ms = limits::kWriteTimeoutMs;
  int request_deadline_ms = limits::kRequestDeadlineMs;
};

// HTTP/1.1 with keep-alive and pipelining. Sockets are event-driven; handlers are plain synchronous
// functions on a bounded pool of workers. Everything that a client can make large or slow is
// bounded: header, body, time to send them, time to take the answer, connections, waiting requests.
// Times are measured on the clock's MonotonicUs and looked at a few times per timeout. TLS is the
// reverse proxy's. The only file that includes Boost.Asio is server.cc; HTTP itself is read in
// http_parser.cc.
class HttpServer {
 public:
  // The handler outlives the server. Throws std::invalid_argument for a malformed trusted proxy.
  HttpServer(ServerOptions options, HttpHandler& handler, Clock& clock, Random& random,
             obs::Metrics& metrics);
  ~HttpServer();

  // Binds and starts to serve. Throws std::system_error when the address is not to be had.
  void Start();
  uint16_t port() const;
  // Stops accepting, finishes what was accepted (at most limits::kShutdownGraceMs, and for as long as
  // a running handler takes), then returns. Call it once; the destructor does otherwise.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::net
