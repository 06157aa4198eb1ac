#include "codec/json.h"

#include <boost/json/parse.hpp>
#include <string>

#include "base/error.h"

namespace stampede::codec {
namespace {

// Leaves without parsing: every comma outside a string separates two siblings, so a document has
// one leaf more than such commas. Counted first, so that a hostile body allocates nothing.
size_t CountLeaves(std::string_view text) {
  size_t leaves = 1;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (c == ',' && !in_string) {
      ++leaves;
    }
  }
  return leaves;
}

}  // namespace

boost::json::value ParseJson(std::string_view text, const JsonLimits& limits) {
  if (CountLeaves(text) > limits.leaves_max) {
    throw Error(ErrorCode::kBadRequest, "The JSON document has too many values");
  }
  boost::json::parse_options options;  // strict by default: no comments, no invalid UTF-8
  options.max_depth = limits.depth_max;
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(text, error, {}, options);
  if (error) {
    throw Error(ErrorCode::kBadRequest, "The request body is not valid JSON", error.message());
  }
  return value;
}

}  // namespace stampede::codec
