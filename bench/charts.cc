#include "bench/charts.h"

#include <cstdio>
#include <sstream>

namespace stampede::bench {

std::string ScriptOf(const Chart& chart, const std::string& path) {
  std::ostringstream script;
  script << "set terminal pngcairo size 900,540 font 'sans,11'\n"
         << "set output '" << path << "'\nset title \"" << chart.title << "\"\n"
         << "set xlabel '" << chart.x_label << "'\nset ylabel '" << chart.y_label << "'\n"
         << "set grid\nset key outside bottom center horizontal\n";
  if (chart.log_x) script << "set logscale x\n";
  if (chart.log_y) script << "set logscale y\n";
  if (!chart.second_lines.empty()) {
    script << "set y2label '" << chart.second_label << "'\nset y2tics\nset ytics nomirror\n"
           << "set y2range [0:*]\n";
  }
  const char* separator = "plot ";
  for (bool second : {false, true}) {
    for (const Series& series : second ? chart.second_lines : chart.lines) {
      script << separator << "'-' using 1:2 axes " << (second ? "x1y2" : "x1y1") << " title '"
             << series.name << "' with linespoints pt 7 ps 0.6 lw 2" << (second ? " dt 2" : "");
      separator = ", ";
    }
  }
  script << "\n";
  for (bool second : {false, true}) {
    for (const Series& series : second ? chart.second_lines : chart.lines) {
      for (auto [x, y] : series.points) script << x << ' ' << y << '\n';
      script << "e\n";
    }
  }
  return script.str();
}

bool DrawChart(const Chart& chart, const std::string& path) {
  FILE* gnuplot = ::popen("gnuplot >/dev/null 2>&1", "w");
  if (gnuplot == nullptr) return false;
  const std::string script = ScriptOf(chart, path);
  std::fwrite(script.data(), 1, script.size(), gnuplot);
  return ::pclose(gnuplot) == 0;
}

}  // namespace stampede::bench
