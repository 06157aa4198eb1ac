#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "store/store.h"

namespace stampede::events {

// Lets one process of many do what is to be done once per period: a row in the store per task says
// until when nobody else need look. Thread-safe. Commits are relaxed, times are those of the
// processes' own clocks: a turn may be taken twice after a crash of the store or when clocks differ,
// so tasks bear that. Throws what the store throws.
class Turns {
 public:
  Turns(store::Store& store, Clock& clock) : store_(store), clock_(clock) {}

  // True if the task is due and nobody is at it. Then it belongs to the caller for `lease_ms`: if
  // that passes without Done, the next one to ask gets it. One read when it is not due.
  bool Take(std::string_view task, int64_t every_ms, int64_t lease_ms);
  // The task is due again after `every_ms`.
  void Done(std::string_view task, int64_t every_ms);

 private:
  store::Store& store_;
  Clock& clock_;
};

}  // namespace stampede::events
