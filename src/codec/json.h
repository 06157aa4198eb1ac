#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <string_view>

#include "base/limits.h"

namespace stampede::codec {

// Bounds of one JSON document. A leaf is a scalar or an empty container.
struct JsonLimits {
  size_t depth_max = limits::kJsonDepthMax;
  size_t leaves_max = limits::kParamsMax;
};

// Parses one strict JSON document (RFC 8259): UTF-8 only, nothing after it, within the limits.
// Thread-safe. Throws Error(kBadRequest), with the reason in its detail. Linear in the text; the
// limits are enforced before or while values are allocated.
boost::json::value ParseJson(std::string_view text, const JsonLimits& limits = {});

}  // namespace stampede::codec
