#include "bench/charts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace stampede::bench {
namespace {

TEST(ChartsTest, AChartWithTwoAxesBecomesAPicture) {
  if (std::system("command -v gnuplot >/dev/null") != 0) GTEST_SKIP() << "gnuplot is not installed";
  std::string path = (std::filesystem::temp_directory_path() / "stampede-chart-XXXXXX").string();
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  Chart chart{.title = "A follower's home",
              .x_label = "posts/s",
              .y_label = "ms",
              .log_y = true,
              .lines = {{.name = "p50", .points = {{1, 2}, {2, 3}}},
                        {.name = "p99", .points = {{1, 20}, {2, 30}}}},
              .second_label = "million/s",
              .second_lines = {{.name = "deliveries", .points = {{1, 0.5}, {2, 1}}}}};
  EXPECT_TRUE(DrawChart(chart, path + "/chart.png"));
  std::string head(8, '\0');
  std::ifstream(path + "/chart.png").read(head.data(), 8);
  EXPECT_EQ(head, "\x89PNG\r\n\x1a\n");
  EXPECT_FALSE(DrawChart(chart, path + "/nowhere/chart.png"));
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace stampede::bench
