#pragma once

namespace stampede {

// Whether this process may have memory in huge pages, which the allocator asks for (see the settings
// of jemalloc in cli/main.cc): prctl(2), PR_SET_THP_DISABLE. Programs that are started inherit it;
// memory that is in use stays as it is. Without effect where the kernel has no transparent huge
// pages or the administrator has them off.
void AllowHugePages(bool allow);

}  // namespace stampede
