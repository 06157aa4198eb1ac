#pragma once

#include <string>

#include "bench/http_load.h"
#include "bench/report.h"

namespace stampede::bench {

// Two rows on an open loop that was run with LoadOptions::watch_pace and server_cpu_s: p99 without
// what the machine itself delayed, and how much that was; and p99 of each second on its own, which no
// single stop decides, with what a request cost: the same work takes more where the machine is slower.
// `key`: what the load has in the JSON.
void AddCalmFigures(Report& report, const std::string& key, const LoadResult& load);

}  // namespace stampede::bench
