#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

// Mutexes that clang's thread-safety analysis understands:
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#define STAMPEDE_GUARDED_BY(m) __attribute__((guarded_by(m)))
#define STAMPEDE_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define STAMPEDE_EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define STAMPEDE_NO_ANALYSIS __attribute__((no_thread_safety_analysis))

namespace stampede {

class __attribute__((capability("mutex"))) Mutex {
 public:
  void lock() __attribute__((acquire_capability())) { mutex_.lock(); }
  void unlock() __attribute__((release_capability())) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class __attribute__((scoped_lockable)) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) __attribute__((acquire_capability(mutex))) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() __attribute__((release_capability())) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class CondVar {
 public:
  void Wait(Mutex& mutex) STAMPEDE_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `timeout_us` passed without a signal.
  bool WaitFor(Mutex& mutex, int64_t timeout_us) STAMPEDE_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    bool woken = condition_.wait_for(lock, std::chrono::microseconds(timeout_us)) ==
                 std::cv_status::no_timeout;
    lock.release();
    return woken;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace stampede
