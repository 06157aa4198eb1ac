#pragma once

#include <string>
#include <vector>

namespace stampede::bench {

// One line of a report.
struct Figure {
  std::string key;   // of the JSON: "posts_per_s_fan_out_403"
  std::string text;  // of the table
  double value = 0;
  std::string unit;
  std::string floor;  // what was asked for: "≥ 2,000"; empty: nothing
  std::string note;   // how it was measured
};

// The results of a run, in the order in which they were measured.
struct Report {
  std::string title;
  std::string command;
  std::string machine;
  std::vector<Figure> figures;

  void Add(Figure figure) { figures.push_back(std::move(figure)); }
};

// The shape of this machine in words: processors, memory.
std::string DescribeMachine();

std::string ToText(const Report& report);
std::string ToMarkdown(const Report& report);
std::string ToJson(const Report& report);

// Puts `section` between the lines "<!-- begin NAME -->" and "<!-- end NAME -->" of a file, at its
// end if it has none yet. What people wrote around it stays.
void ReplaceSection(const std::string& path, const std::string& name, const std::string& section);

}  // namespace stampede::bench
