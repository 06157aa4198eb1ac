#pragma once

namespace stampede {

// What a program that links jemalloc gives it as `malloc_conf` (jemalloc.net/jemalloc.3.html). Freed pages
// are kept for ten minutes before they go back to the system, as every page that is returned costs a flush
// of the TLB, taken again a fault. With 30 s that was 60 % of the CPU under Twitter's load, from the 30th
// second on; that was measured when feeds still grew by copying. Memory is asked for in huge pages; who may
// have them is another matter.
inline constexpr const char* kMallocConf = "dirty_decay_ms:600000,muzzy_decay_ms:0,thp:always";

// Whether this process may have memory in huge pages, which the allocator asks for (see the settings
// of jemalloc in cli/main.cc): prctl(2), PR_SET_THP_DISABLE. Programs that are started inherit it;
// memory that is in use stays as it is. Without effect where the kernel has no transparent huge
// pages or the administrator has them off.
void AllowHugePages(bool allow);

}  // namespace stampede
