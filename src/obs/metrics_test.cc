#include "obs/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace stampede::obs {
namespace {

using testing::HasSubstr;

TEST(Metrics, RendersEveryKindInPrometheusText) {
  Metrics metrics;
  metrics.AddCounter("posts_total", "Posts.", {{"visibility", "public"}}).Add(3);
  metrics.AddGauge("queue_depth", "Waiting.").Set(-2);
  Histogram& histogram = metrics.AddHistogram("took_seconds", "Time.", {0.1, 1});
  histogram.Observe(0.1);
  histogram.Observe(0.5);
  histogram.Observe(5);
  std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("# HELP posts_total Posts.\n# TYPE posts_total counter\n"
                              "posts_total{visibility=\"public\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE queue_depth gauge\nqueue_depth -2\n"));
  EXPECT_THAT(text, HasSubstr("took_seconds_count 3\ntook_seconds_sum 5.6"));
  EXPECT_THAT(text, HasSubstr("took_seconds_bucket{le=\"0.1\"} 1\n"
                              "took_seconds_bucket{le=\"1\"} 2\n"
                              "took_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  Counter& first = metrics.AddCounter("c_total", "C.", {{"a", "1"}});
  EXPECT_EQ(&first, &metrics.AddCounter("c_total", "C.", {{"a", "1"}}));
  EXPECT_NE(&first, &metrics.AddCounter("c_total", "C.", {{"a", "2"}}));
  EXPECT_DEATH(metrics.AddGauge("c_total", "C."), "check failed");
  EXPECT_DEATH(metrics.AddGauge("no spaces", "C."), "check failed");
}

TEST(Metrics, CollectorsRunBeforeRendering) {
  Metrics metrics;
  int depth = 0;
  metrics.AddCollector([&] { metrics.AddGauge("depth", "D.").Set(++depth); });
  EXPECT_THAT(metrics.Render(), HasSubstr("depth 1\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("depth 2\n"));
}

TEST(Metrics, NoIncrementIsLostBetweenThreads) {
  Metrics metrics;
  Counter& counter = metrics.AddCounter("c_total", "C.");
  Histogram& histogram = metrics.AddHistogram("h", "H.", LatencyBuckets());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        counter.Add();
        histogram.Observe(0.5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 40'000u);
  EXPECT_EQ(histogram.sum(), 20'000.0);
}

TEST(Metrics, TheProcessMeasuresItself) {
  Metrics metrics;
  AddProcessMetrics(metrics);
  metrics.Render();
  EXPECT_GT(metrics.AddGauge("process_resident_memory_bytes", "").value(), 1'000'000);
  EXPECT_GE(metrics.AddGauge("process_open_fds", "").value(), 3);
  EXPECT_GE(metrics.AddGauge("process_threads", "").value(), 1);
}

}  // namespace
}  // namespace stampede::obs
