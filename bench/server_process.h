#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace stampede::bench {

// A `stampede serve` started as a child, on free loopback ports, without rate limits. Not
// thread-safe. Destroying it kills what still runs. Everything throws std::runtime_error when the
// server does not do what it should.
class ServerProcess {
 public:
  // Starts it and waits until GET /health answers 200. Its log goes to `log_path`, appended.
  // `settings`: more of its environment, "STAMPEDE_NAME=VALUE".
  ServerProcess(const std::string& binary, const std::string& data_dir, const std::string& log_path,
                const std::vector<std::string>& settings = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  // From before the process existed to the first good answer of /health.
  int64_t start_us() const { return start_us_; }

  // Returns when it uses less than a twentieth of a core, or after a minute: what an idle server
  // still does (compacting its store, clearing queues) is done.
  void WaitUntilCalm();
  // An orderly stop, which must succeed.
  void Stop();
  // kill -9.
  void Kill();

  // Of the child's memory: what is resident now, and the most there was since ResetPeak.
  double rss_mb() const;
  double peak_rss_mb() const;
  void ResetPeak();
  // CPU time used so far, user and system, of all its threads.
  double cpu_s() const;
  // The sum of all samples of one metric, whatever their labels; 0 when there is none.
  double Metric(const std::string& name) const;

 private:
  void Spawn(const std::string& binary, const std::string& data_dir, const std::string& log_path,
             std::vector<std::string> settings);
  void WaitHealthy();
  int Reap();

  SystemClock clock_;
  pid_t pid_ = -1;
  uint16_t port_ = 0, metrics_port_ = 0;
  int64_t start_us_ = 0;
};

// CPU time that all processors of this machine have spent on anything at all, since it started.
double MachineCpuSeconds();

}  // namespace stampede::bench
