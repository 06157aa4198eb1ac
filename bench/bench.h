#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stampede::bench {

// `stampede bench`; see docs/performance.md.
struct BenchOptions {
  std::string server = "/proc/self/exe";  // the program to start
  std::string data = "bench-data";        // of the loaded graph; used again if it fits
  std::string out;                        // directory for JSON and charts; empty: none
  std::string markdown;                   // file with a section to rewrite; empty: none
  std::string section = "bench";          // the name of that section
  std::string command;                    // as it was typed

  uint32_t accounts = 20'000;
  uint32_t follows = 100;
  double fan_out = 403;
  double largest_share = 0.22;
  uint32_t posts = 0;  // loaded before; 0: one per account, at most a million
  uint64_t seed = 1;

  std::vector<std::string> mixes = {"post", "read", "realistic"};
  double posts_per_s = 0;    // of the mixes with posts; 0: as many as there can be
  double reads_per_s = 0;    // of the mix without
  double seconds = 15;       // of each mix
  std::vector<double> ramp;  // posts/s, one after the other
  double ramp_seconds = 10;
  bool announcement = true;  // the posts to everybody
  double warm = 1;           // the share of accounts whose feeds are read before
  bool fill = true;          // whether their feeds are filled before anything is measured
  uint32_t connections = 64;
  uint32_t homes_checked = 40;
  std::vector<std::string> settings;  // of the server: "workers=64"
};

// Loads, warms, measures, verifies, reports. Returns the exit code: 1, without numbers, when a
// request failed or anything was not where it had to be.
int RunBench(const BenchOptions& options);

}  // namespace stampede::bench
