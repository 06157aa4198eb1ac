#pragma once

#include <string>
#include <vector>

namespace stampede::bench {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Chart {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::vector<Series> lines;
  std::string second_label;  // of the right axis, for `second_lines`
  std::vector<Series> second_lines;
};

// Draws a PNG with gnuplot (Debian: gnuplot-nox). False, with nothing written, if it is not
// installed or fails.
bool DrawChart(const Chart& chart, const std::string& path);

// What gnuplot is told.
std::string ScriptOf(const Chart& chart, const std::string& path);

}  // namespace stampede::bench
