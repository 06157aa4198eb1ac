#include "features/feeds/huge_memory.h"

#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>

// Programs that link another allocator, as those under sanitizers do, lack these.
extern "C" {
decltype(mallctl) mallctl __attribute__((weak));
decltype(mallocx) mallocx __attribute__((weak));
decltype(dallocx) dallocx __attribute__((weak));
}

namespace stampede::feeds {
namespace {

extent_hooks_t* default_hooks;
extent_hooks_t hooks;

void* AllocateExtent(extent_hooks_t*, void* at, size_t size, size_t alignment, bool* zero,
                     bool* commit, unsigned arena) {
  void* extent = default_hooks->alloc(default_hooks, at, size, alignment, zero, commit, arena);
  if (extent != nullptr) madvise(extent, size, MADV_HUGEPAGE);  // refused: small pages, then
  return extent;
}

// An arena of jemalloc's whose extents are advised as huge, or 0: the allocator is another one
// (jemalloc.net/jemalloc.3.html, arenas.create and arena.<i>.extent_hooks).
unsigned MakeArena() {
  if (mallctl == nullptr || mallocx == nullptr || dallocx == nullptr) return 0;
  size_t size = sizeof(default_hooks);
  if (mallctl("arena.0.extent_hooks", &default_hooks, &size, nullptr, 0) != 0) return 0;
  hooks = *default_hooks;
  hooks.alloc = AllocateExtent;
  extent_hooks_t* ours = &hooks;
  unsigned arena = 0;
  size = sizeof(arena);
  if (mallctl("arenas.create", &arena, &size, static_cast<void*>(&ours), sizeof(ours)) != 0) {
    return 0;
  }
  return arena;
}

unsigned Arena() {
  static const unsigned arena = MakeArena();
  return arena;
}

}  // namespace

void* AllocateHuge(size_t bytes, size_t alignment) {
  void* memory =
      Arena() == 0 ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                   : mallocx(bytes, MALLOCX_ARENA(Arena()) | MALLOCX_ALIGN(alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void FreeHuge(void* memory) {
  if (Arena() == 0)
    std::free(memory);
  else
    dallocx(memory, MALLOCX_ARENA(Arena()));
}

}  // namespace stampede::feeds
