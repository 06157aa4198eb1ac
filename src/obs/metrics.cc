#include "obs/metrics.h"

#include <dirent.h>
#include <prometheus/check_names.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <variant>

#include "base/check.h"
#include "base/mutex.h"

namespace stampede::obs {
namespace {

using Metric =
    std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

// All metrics of one name, by their labels. The first metric decides the kind.
struct Family {
  std::string help;
  size_t kind;  // index into Metric
  std::map<Metrics::Labels, Metric> metrics;
};

prometheus::MetricType TypeOf(size_t kind) {
  return kind == 0   ? prometheus::MetricType::Counter
         : kind == 1 ? prometheus::MetricType::Gauge
                     : prometheus::MetricType::Histogram;
}

prometheus::ClientMetric Snapshot(const Metrics::Labels& labels, const Metric& metric) {
  prometheus::ClientMetric result;
  for (const auto& [name, value] : labels) result.label.push_back({name, value});
  if (auto* counter = std::get_if<std::unique_ptr<Counter>>(&metric)) {
    result.counter.value = static_cast<double>((*counter)->value());
  } else if (auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&metric)) {
    result.gauge.value = static_cast<double>((*gauge)->value());
  } else {
    const Histogram& histogram = *std::get<std::unique_ptr<Histogram>>(metric);
    uint64_t total = 0;
    for (size_t i = 0; i < histogram.bounds().size(); ++i) {
      total += histogram.count(i);
      result.histogram.bucket.push_back({total, histogram.bounds()[i]});
    }
    result.histogram.sample_count = total + histogram.count(histogram.bounds().size());
    result.histogram.sample_sum = histogram.sum();
  }
  return result;
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  STAMPEDE_CHECK(std::adjacent_find(bounds_.begin(), bounds_.end(), std::greater_equal<>()) ==
                 bounds_.end());
}

void Histogram::Observe(double value) {
  auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<double> LatencyBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

struct Metrics::Impl {
  // `make` builds the metric when this name and these labels are new.
  template <class T>
  T& Add(std::string_view name, std::string_view help, const Labels& labels,
         const std::function<std::unique_ptr<T>()>& make) {
    size_t kind = Metric(std::unique_ptr<T>()).index();
    STAMPEDE_CHECK(prometheus::CheckMetricName(std::string(name)));
    for (const auto& [label, value] : labels) {
      STAMPEDE_CHECK(prometheus::CheckLabelName(label));
    }
    MutexLock lock(mutex);
    auto found = families.find(name);
    if (found == families.end()) {
      found = families.emplace(name, Family{std::string(help), kind, {}}).first;
    }
    STAMPEDE_CHECK(found->second.kind == kind);
    auto [metric, added] = found->second.metrics.try_emplace(labels);
    if (added) metric->second = make();
    return *std::get<std::unique_ptr<T>>(metric->second);
  }

  Mutex mutex;
  std::map<std::string, Family, std::less<>> families STAMPEDE_GUARDED_BY(mutex);
  std::vector<std::function<void()>> collectors STAMPEDE_GUARDED_BY(mutex);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->Add<Counter>(name, help, labels, [] { return std::make_unique<Counter>(); });
}

Gauge& Metrics::AddGauge(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->Add<Gauge>(name, help, labels, [] { return std::make_unique<Gauge>(); });
}

Histogram& Metrics::AddHistogram(std::string_view name, std::string_view help,
                                 std::vector<double> buckets, const Labels& labels) {
  return impl_->Add<Histogram>(name, help, labels,
                               [&] { return std::make_unique<Histogram>(std::move(buckets)); });
}

void Metrics::AddCollector(std::function<void()> collector) {
  MutexLock lock(impl_->mutex);
  impl_->collectors.push_back(std::move(collector));
}

std::string Metrics::Render() {
  std::vector<std::function<void()>> collectors;
  {
    MutexLock lock(impl_->mutex);
    collectors = impl_->collectors;
  }
  for (const auto& collect : collectors) collect();  // unlocked: a collector may add metrics

  std::vector<prometheus::MetricFamily> families;
  {
    MutexLock lock(impl_->mutex);
    for (const auto& [name, family] : impl_->families) {
      prometheus::MetricFamily& out = families.emplace_back();
      out.name = name;
      out.help = family.help;
      out.type = TypeOf(family.kind);
      for (const auto& [labels, metric] : family.metrics) {
        out.metric.push_back(Snapshot(labels, metric));
      }
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

namespace {

// The number in a line of /proc/self/status, which looks like "VmRSS:     1234 kB" (proc(5)).
std::optional<int64_t> StatusLine(const char* format) {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return std::nullopt;
  char line[256];
  long long value = 0;
  bool found = false;
  while (!found && std::fgets(line, sizeof line, file)) {
    found = std::sscanf(line, format, &value) == 1;
  }
  std::fclose(file);
  return found ? std::optional<int64_t>(value) : std::nullopt;
}

int64_t OpenFiles() {
  DIR* folder = opendir("/proc/self/fd");
  if (!folder) return 0;
  int64_t count = -3;  // ".", ".." and the folder itself
  while (readdir(folder)) ++count;
  closedir(folder);
  return count;
}

}  // namespace

void AddProcessMetrics(Metrics& metrics) {
  Gauge& memory =
      metrics.AddGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauge& files = metrics.AddGauge("process_open_fds", "Number of open file descriptors.");
  Gauge& threads = metrics.AddGauge("process_threads", "Number of threads.");
  metrics.AddCollector([&] {
    memory.Set(StatusLine("VmRSS: %lld kB").value_or(0) * 1024);
    threads.Set(StatusLine("Threads: %lld").value_or(0));
    files.Set(OpenFiles());
  });
}

}  // namespace stampede::obs
