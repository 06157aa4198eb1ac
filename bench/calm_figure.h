#pragma once

#include <string>

#include "bench/http_load.h"
#include "bench/report.h"

namespace stampede::bench {

// p99 of a load that was run with LoadOptions::watch_pace, without what the machine itself delayed,
// and how much that was. `key`: what the load has in the JSON.
Figure CalmFigure(const std::string& key, const LoadResult& load);

}  // namespace stampede::bench
