#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace stampede::feeds {

// Memory that is touched all over all the time, as feeds are by every post: apart from everything
// else, in huge pages where the kernel gives them, so that an address is translated without a miss.
// With another allocator than jemalloc it is ordinary memory. Thread-safe. Throws std::bad_alloc.
void* AllocateHuge(size_t bytes, size_t alignment);
void FreeHuge(void* memory);

struct HugeDeleter {
  void operator()(void* memory) const { FreeHuge(memory); }
};

// An array of what needs neither constructor nor destructor, not initialised.
template <class T>
using HugeArray = std::unique_ptr<T[], HugeDeleter>;

template <class T>
HugeArray<T> NewHugeArray(size_t count) {
  static_assert(std::is_trivially_destructible_v<T>);
  return HugeArray<T>(static_cast<T*>(AllocateHuge(count * sizeof(T), alignof(T))));
}

// One object.
template <class T>
struct HugeObjectDeleter {
  void operator()(T* object) const {
    object->~T();
    FreeHuge(object);
  }
};
template <class T>
using HugePointer = std::unique_ptr<T, HugeObjectDeleter<T>>;

template <class T>
HugePointer<T> MakeHuge() {
  return HugePointer<T>(new (AllocateHuge(sizeof(T), alignof(T))) T());
}

}  // namespace stampede::feeds
