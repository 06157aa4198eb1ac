#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_parser.h"

// A head means the same however it arrives, and a chunked body too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stampede::net;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HeadScanner whole, pieces;
  HttpProblem problem, late_problem;
  size_t end = whole.Scan(text, problem);
  size_t late_end = 0;
  for (size_t seen = 1; seen <= size && late_end == 0 && !late_problem; ++seen) {
    late_end = pieces.Scan(text.substr(0, seen), late_problem);
  }
  STAMPEDE_CHECK(end == late_end);
  Request request;
  Framing framing;
  if (end > 0) ParseHead(text.substr(0, end), request, framing);

  std::string body, late_body;
  size_t used = 0;
  ChunkedDecoder at_once, step_by_step;
  bool failed = bool(at_once.Feed(text, used, body, 1000)), late_failed = false;
  for (size_t at = 0; at < size && !late_failed && !step_by_step.done(); ++at) {
    late_failed = bool(step_by_step.Feed(text.substr(at, 1), used, late_body, 1000));
  }
  STAMPEDE_CHECK(at_once.done() == step_by_step.done() && body == late_body);
  STAMPEDE_CHECK(failed == late_failed);
  return 0;
}
