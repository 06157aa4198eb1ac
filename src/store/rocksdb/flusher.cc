#include "store/rocksdb/flusher.h"

#include "base/clock.h"
#include "base/signal.h"
#include "base/thread_name.h"

namespace stampede::store {

Flusher::Flusher(std::function<void()> flush) : flush_(std::move(flush)) {
  thread_ = std::thread([this] {
    NameThread("log_flusher");
    Work();
  });
}

void Flusher::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  asked_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Flusher::Written() {
  MutexLock lock(mutex_);
  ++written_;
}

void Flusher::WhenDurable(Store::Then then) {
  bool wake;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty() && !telling_ && written_ == durable_) {
      wake = false;
    } else {
      waiting_.push_back(std::exchange(then, nullptr));
      wake = std::exchange(asleep_, false);
    }
  }
  if (then) then(nullptr);
  if (wake) asked_.NotifyOne();
}

void Flusher::Wait() {
  Signal durable;
  std::exception_ptr failed;
  WhenDurable([&](const std::exception_ptr& failure) {
    failed = failure;
    durable.Set();
  });
  durable.Wait();
  if (failed) std::rethrow_exception(failed);
}

bool Flusher::Take(std::vector<Store::Then>* waiting, uint64_t* written) {
  MutexLock lock(mutex_);
  telling_ = false;
  if (waiting_.empty() && !stopping_) {
    asleep_ = true;
    asked_.WaitFor(mutex_, kUnaskedUs);
    asleep_ = false;
  } else {
    Gather();
  }
  begun_us_ = SystemClock().MonotonicUs();
  waiting->swap(waiting_);
  *written = written_;
  told_ = waiting->size();
  telling_ = told_ > 0;
  return telling_ || !stopping_;
}

void Flusher::Gather() {
  if (told_ < kLoad) return;
  const int64_t begin_us = begun_us_ + kGatherUs;
  for (int64_t now_us = SystemClock().MonotonicUs(); now_us < begin_us && !stopping_;
       now_us = SystemClock().MonotonicUs()) {
    asked_.WaitFor(mutex_, begin_us - now_us);
  }
}

std::exception_ptr Flusher::Flush(uint64_t written) {
  {
    MutexLock lock(mutex_);
    if (written == durable_) return nullptr;
    if (written == failed_) return failure_;
  }
  try {
    flush_();
    MutexLock lock(mutex_);
    durable_ = written;
    return nullptr;
  } catch (...) {
    MutexLock lock(mutex_);
    failed_ = written;
    return failure_ = std::current_exception();
  }
}

void Flusher::Work() {
  std::vector<Store::Then> waiting;
  uint64_t written = 0;
  while (Take(&waiting, &written)) {
    std::exception_ptr failure = Flush(written);
    for (Store::Then& then : waiting) then(failure);
    waiting.clear();
  }
}

}  // namespace stampede::store
