#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/histogram.h"
#include "bench/pace.h"

namespace stampede::bench {

// Where the requests of a run come from and their replies go.
class LoadSource {
 public:
  virtual ~LoadSource() = default;
  // Appends the next request, head and body, to `request` (at most 16 KB; it must fit the socket's
  // buffer), and chooses the tag that its reply comes with. False: there are no more.
  virtual bool Next(std::string& request, uint64_t& tag) = 0;
  // Whether the reply is right. The body is only valid during the call.
  virtual bool OnReply(uint64_t tag, int status, std::string_view body) = 0;
  // Before OnReply, of requests from Next: how long after it was due the reply came.
  virtual void OnLatency(uint64_t, int64_t /*latency_us*/) {}

  // Requests outside of the rate, before all others: polls for what was just done, checks. They
  // count among the right and wrong ones, but not in the latency. UrgentAtUs: when there is one
  // (Clock::MonotonicUs), INT64_MAX for none so far; the run does not end before it says that.
  // NextUrgent is like Next and is called only when there is one.
  virtual int64_t UrgentAtUs() { return INT64_MAX; }
  virtual bool NextUrgent(std::string&, uint64_t& /*tag*/) { return false; }
};

struct LoadOptions {
  uint16_t port = 0;        // on 127.0.0.1
  size_t connections = 64;  // kept alive; one request at a time on each
  // Open loop: so many requests a second arrive by chance (a Poisson process), whatever the server
  // does; those that find no free connection wait for one, and their waiting counts as latency.
  // 0, closed loop: every connection sends as soon as it has its reply.
  double rate_per_s = 0;
  int64_t duration_us = 0;  // then the replies under way are waited for; 0: until the source ends
  uint64_t seed = 1;        // of the arrivals
  bool watch_pace = false;  // fills LoadResult::calm_us and slow
  std::function<double()> server_cpu_s = {};  // so far; open loop: asked once a second
};

struct LoadResult {
  Histogram latency_us;  // of right replies; open loop: from when the request was due
  uint64_t right = 0;
  uint64_t urgent = 0;  // of the right ones
  uint64_t wrong = 0;   // replies that the source refused
  uint64_t broken = 0;  // no reply: the connection was lost, or the run gave up waiting
  std::map<int, uint64_t> statuses;
  double seconds = 0;    // from the first request to the last reply
  double own_cpu_s = 0;  // of the thread that ran the load
  SlowTimes slow;
  Histogram calm_us;  // latency_us without what was due when the machine was slow, or caught up
  struct Second {
    Histogram latency_us;     // of what was due in it
    double server_cpu_s = 0;  // used in it; 0 when nobody knows
  };
  std::vector<Second> each_second;  // of an open loop; the last may be a part of one

  // Without the urgent ones.
  double per_second() const {
    return seconds > 0 ? static_cast<double>(right - urgent) / seconds : 0;
  }
  bool clean() const { return wrong == 0 && broken == 0 && right > 0; }
};

// Runs one load on the calling thread: one epoll loop over all connections. Replies must have a
// Content-Length. Throws std::system_error when no connection is to be had.
LoadResult RunLoad(LoadSource& source, const LoadOptions& options);

// One GET, for preparing and checking. Throws std::runtime_error without a reply.
struct FetchedReply {
  int status = 0;
  std::string body;
};
FetchedReply Fetch(uint16_t port, const std::string& target, const std::string& token = {});

// A whole request. `body` empty: none is sent; else it is JSON.
std::string FormatRequest(std::string_view method, std::string_view target, std::string_view token,
                          std::string_view body = {});

}  // namespace stampede::bench
