#pragma once

#include <atomic>
#include <cstdint>

namespace stampede {

// One thread waits until another says so, once per Reset. Cheaper than a condition variable: whoever
// is woken takes no mutex, and setting it while nobody waits is no system call. What happens before
// Set is seen after Wait. The signal may be destroyed as soon as Wait has returned.
class Signal {
 public:
  // Wakes the waiter, or lets the next Wait pass at once. Once per Reset.
  void Set();
  // At most one thread.
  void Wait();
  // Only while nobody waits or sets.
  void Reset() { state_.store(kUnset, std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kUnset = 0, kSet = 1, kWaiting = 2;
  std::atomic<uint32_t> state_{kUnset};
};

}  // namespace stampede
