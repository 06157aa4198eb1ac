#include "bench/report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "store/test_support.h"

namespace stampede::bench {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Report, TheSectionIsReplacedAndWhatPeopleWroteStays) {
  store::testing::TempDir directory;
  const std::string path = directory.path() + "/performance.md";
  std::ofstream(path) << "# Performance\n\nBefore.\n";
  ReplaceSection(path, "one", "first\n");
  std::ofstream(path, std::ios::app) << "\nAfter.\n";
  ReplaceSection(path, "one", "second,\nlonger\n");
  EXPECT_EQ(Read(path),
            "# Performance\n\nBefore.\n\n<!-- begin one -->\nsecond,\nlonger\n<!-- end one -->\n"
            "\nAfter.\n");
}

TEST(Report, NumbersAreReadable) {
  Report report{.title = "T", .command = "make bench", .machine = "M"};
  report.Add({.key = "a", .text = "A", .value = 1234567.8, .unit = "/s", .floor = "≥ 1"});
  report.Add({.key = "b", .text = "B", .value = 1.234, .unit = "ms"});
  report.Add({.key = "c", .text = "C", .value = 999, .unit = "MB"});
  const std::string table = ToMarkdown(report);
  EXPECT_NE(table.find("| A | 1,234,568 /s | ≥ 1 |"), std::string::npos) << table;
  EXPECT_NE(table.find("| B | 1.23 ms |"), std::string::npos) << table;
  EXPECT_NE(table.find("| C | 999 MB |"), std::string::npos) << table;
  EXPECT_NE(ToJson(report).find("\"key\":\"b\""), std::string::npos);
}

}  // namespace
}  // namespace stampede::bench
