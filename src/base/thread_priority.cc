#include "base/thread_priority.h"

#include <sys/resource.h>

#include <algorithm>

namespace stampede {

void LowerThread(ThreadPriority priority) {
  const int now = getpriority(PRIO_PROCESS, 0);
  setpriority(PRIO_PROCESS, 0, std::max(now, static_cast<int>(priority)));
}

}  // namespace stampede
