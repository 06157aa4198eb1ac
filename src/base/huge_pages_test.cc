#include "base/huge_pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace stampede {
namespace {

// proc(5): since Linux 5.0. Empty where the kernel does not say.
std::string Enabled() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("THP_enabled:")) return line.substr(line.find_last_of("\t ") + 1);
  }
  return "";
}

TEST(HugePages, AreForbiddenAndAllowedAgain) {
  if (Enabled().empty()) GTEST_SKIP() << "the kernel does not tell";
  AllowHugePages(false);
  EXPECT_EQ(Enabled(), "0");
  AllowHugePages(true);
  EXPECT_EQ(Enabled(), "1");
}

}  // namespace
}  // namespace stampede
