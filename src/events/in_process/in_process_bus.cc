#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/bus.h"
#include "obs/log.h"

namespace stampede::events {
namespace {

using EventPointer = std::shared_ptr<const Event>;

// What one subscriber still has to hear, and the thread that tells it. Thread-safe.
//
// Progress is two counters, read without the lock by those who ask whether there is anything to
// wait for. A waiter announces itself in `waiters_` before it looks at `handled_`, and the thread
// looks at `waiters_` after it has raised `handled_`, so one of the two always sees the other.
class Mailbox {
 public:
  Mailbox(std::string name, Bus::Subscriber* subscriber, size_t backlog_max)
      : name_(std::move(name)), subscriber_(subscriber), backlog_max_(backlog_max) {
    thread_ = std::thread([this] { Deliver(); });
  }
  ~Mailbox() { Close(); }

  Bus::Subscriber* subscriber() const { return subscriber_; }

  void Push(const EventPointer& event) {
    {
      MutexLock lock(mutex_);
      if (pushed_ - handled_ >= backlog_max_) WaitForRoom();
      if (closed_) return;
      queue_.push_back(event);
      ++pushed_;
      if (queue_.size() > 1) return;  // the thread has been woken for the first one
    }
    arrived_.NotifyOne();
  }

  bool WaitUntilHandled(int64_t timeout_us) {
    const uint64_t target = pushed_;
    if (handled_ >= target) return true;
    SystemClock clock;
    const int64_t deadline_us = clock.MonotonicUs() + timeout_us;
    MutexLock lock(mutex_);
    Waiting waiting(waiters_);
    while (handled_ < target && !discard_) {
      int64_t left_us = deadline_us - clock.MonotonicUs();
      if (left_us <= 0) return false;
      progressed_.WaitFor(mutex_, left_us);
    }
    return true;
  }

  // Delivers what is queued, unless Discard was called, and ends the thread.
  void Close() {
    {
      MutexLock lock(mutex_);
      closed_ = true;
    }
    arrived_.NotifyAll();
    progressed_.NotifyAll();
    MutexLock lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  void Discard() {
    MutexLock lock(mutex_);
    discard_ = true;
  }

 private:
  static constexpr size_t kSpareCapacityMax = 4096;

  struct Waiting {
    explicit Waiting(std::atomic<int>& count) : count_(count) { ++count_; }
    ~Waiting() { --count_; }
    std::atomic<int>& count_;
  };

  void WaitForRoom() STAMPEDE_REQUIRES(mutex_) {
    Waiting waiting(waiters_);
    while (pushed_ - handled_ >= backlog_max_ && !closed_) progressed_.Wait(mutex_);
  }

  void Deliver() {
    std::vector<EventPointer> batch;
    while (Take(&batch)) {
      for (EventPointer& event : batch) {
        if (!discard_) Handle(*event);
        event.reset();
        ++handled_;
        if (waiters_ > 0) WakeWaiters();
      }
      batch.clear();
      bool more = true;
      while (more && Quiet()) {
        more = false;
        Guard("idle", [&] { more = subscriber_->OnIdle(); });
      }
    }
  }

  // Everything that is queued, under one lock. False when closed and empty.
  bool Take(std::vector<EventPointer>* batch) {
    if (batch->capacity() > kSpareCapacityMax) *batch = {};
    MutexLock lock(mutex_);
    while (queue_.empty() && !closed_) arrived_.Wait(mutex_);
    batch->swap(queue_);
    return !batch->empty();
  }

  bool Quiet() {
    MutexLock lock(mutex_);
    return queue_.empty() && !closed_;
  }

  // A handler that throws has a bug, or a store that is down. It has missed the event, which is
  // what OnGap is for.
  void Handle(const Event& event) {
    if (Guard("event", [&] { subscriber_->OnEvent(event); })) return;
    Guard("gap", [this] { subscriber_->OnGap(); });
  }

  template <class Call>
  bool Guard(const char* what, Call call) {
    try {
      call();
      return true;
    } catch (const std::exception& error) {
      obs::Log(obs::LogLevel::kError, "event subscriber failed",
               {{"subscriber", name_}, {"on", what}, {"error", error.what()}});
      return false;
    }
  }

  void WakeWaiters() {
    {
      MutexLock lock(mutex_);
    }  // whoever is about to wait has either seen handled_ or waits by now
    progressed_.NotifyAll();
  }

  const std::string name_;
  Bus::Subscriber* const subscriber_;
  const size_t backlog_max_;

  Mutex mutex_;
  CondVar arrived_;
  CondVar progressed_;
  std::vector<EventPointer> queue_ STAMPEDE_GUARDED_BY(mutex_);
  bool closed_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::atomic<bool> discard_{false};
  std::atomic<uint64_t> pushed_{0};
  std::atomic<uint64_t> handled_{0};
  std::atomic<int> waiters_{0};

  Mutex join_mutex_;
  std::thread thread_;
};

// The bus of a server that is one process: a queue in RAM per subscriber. Nothing is ever missed,
// so OnGap is called only after a handler that threw.
class InProcessBus final : public Bus {
 public:
  explicit InProcessBus(size_t queue_max) : queue_max_(queue_max) {}
  ~InProcessBus() override { Stop(); }

  void Publish(std::shared_ptr<const Event> event) override {
    for (const auto& mailbox : *Mailboxes(/*to_publish=*/true)) mailbox->Push(event);
  }

  void Subscribe(std::string name, Subscriber* subscriber) override {
    auto mailbox = std::make_shared<Mailbox>(std::move(name), subscriber, queue_max_);
    MutexLock lock(mutex_);
    auto more = std::make_shared<List>(*mailboxes_);
    more->push_back(std::move(mailbox));
    mailboxes_ = std::move(more);
  }

  void Unsubscribe(Subscriber* subscriber) override {
    std::shared_ptr<Mailbox> leaving = Find(subscriber);
    if (!leaving) return;
    {
      MutexLock lock(mutex_);
      auto fewer = std::make_shared<List>(*mailboxes_);
      std::erase(*fewer, leaving);
      mailboxes_ = std::move(fewer);
    }
    leaving->Discard();
    leaving->Close();
  }

  bool WaitUntilHandled(Subscriber* subscriber, int64_t timeout_us) override {
    std::shared_ptr<Mailbox> mailbox = Find(subscriber);
    return !mailbox || mailbox->WaitUntilHandled(timeout_us);
  }

  void Stop() override {
    {
      MutexLock lock(mutex_);
      stopped_ = true;
    }
    for (const auto& mailbox : *Mailboxes(/*to_publish=*/false)) mailbox->Close();
  }

 private:
  using List = std::vector<std::shared_ptr<Mailbox>>;

  std::shared_ptr<const List> Mailboxes(bool to_publish) {
    MutexLock lock(mutex_);
    if (to_publish && stopped_) throw std::runtime_error("the event bus has stopped");
    return mailboxes_;
  }

  std::shared_ptr<Mailbox> Find(Subscriber* subscriber) {
    auto list = Mailboxes(/*to_publish=*/false);
    auto found = std::ranges::find(*list, subscriber, &Mailbox::subscriber);
    return found == list->end() ? nullptr : *found;
  }

  const size_t queue_max_;
  Mutex mutex_;
  // Replaced, never changed, so that a publisher walks it without the lock.
  std::shared_ptr<const List> mailboxes_ STAMPEDE_GUARDED_BY(mutex_) = std::make_shared<List>();
  bool stopped_ STAMPEDE_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Bus> MakeInProcessBus(size_t queue_max) {
  return std::make_unique<InProcessBus>(queue_max);
}

}  // namespace stampede::events
