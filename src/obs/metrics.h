#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Metrics in Prometheus' model and text format:
// https://prometheus.io/docs/concepts/metric_types/ and /docs/practices/naming/.
namespace stampede::obs {

// Only ever grows. Name it `…_total`. Thread-safe; one relaxed atomic addition.
class alignas(64) Counter {
 public:
  void Add(uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A value that goes up and down. Thread-safe; one relaxed atomic operation.
class alignas(64) Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Counts observations (seconds, bytes) in buckets. Thread-safe; a search among the bounds and two
// atomic additions.
class Histogram {
 public:
  // `bounds`: the inclusive upper ends of the buckets, strictly rising; +Inf is implied.
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);

  const std::vector<double>& bounds() const { return bounds_; }
  // Observations in bucket `i` alone; i == bounds().size() is the one up to +Inf.
  uint64_t count(size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

// Upper bounds in seconds, 1 ms to 10 s: for request and query durations.
std::vector<double> LatencyBuckets();

// The registry of every metric of the process: one object, built by app and passed by reference.
// Thread-safe. Metrics live as long as the registry, so keep the reference that Add… returned and
// look nothing up on a hot path. Asking again for the same name and labels returns the same metric;
// the same name with another kind is a programming error and aborts. Label values must come from a
// small fixed set: never an account, a host or a path that others choose.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& AddCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& AddGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help, std::vector<double> buckets,
                          const Labels& labels = {});

  // Called at the start of every Render, on its thread, to set gauges that are read rather than
  // kept (queue depths, memory). What it captures must live until the last Render.
  void AddCollector(std::function<void()> collector);

  // Everything in Prometheus' text format, version 0.0.4.
  std::string Render();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Adds process_resident_memory_bytes, process_open_fds and process_threads, read from /proc.
void AddProcessMetrics(Metrics& metrics);

}  // namespace stampede::obs
