#include "base/signal.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stampede {

namespace {

// futex(2). Errors need no handling: Wait looks at the state again, and waking an address that is
// gone wakes nobody.
void Futex(std::atomic<uint32_t>* word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

void Signal::Set() {
  if (state_.exchange(kSet, std::memory_order_release) == kWaiting) Futex(&state_, FUTEX_WAKE, 1);
}

void Signal::Wait() {
  uint32_t state = kUnset;
  if (!state_.compare_exchange_strong(state, kWaiting, std::memory_order_acquire)) return;
  while (state_.load(std::memory_order_acquire) == kWaiting) {
    Futex(&state_, FUTEX_WAIT, kWaiting);
  }
}

}  // namespace stampede
