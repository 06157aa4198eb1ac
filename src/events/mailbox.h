#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "events/bus.h"

// What the buses share: how the subscribers of this process hear of events.
namespace stampede::events {

using EventPointer = std::shared_ptr<const Event>;

// What one subscriber still has to hear, and the thread that tells it. Thread-safe. For one that is
// told at once there is neither: Push is the call. A pusher that may wait tells it too, while the
// thread is idle: waking that costs more than most events do.
//
// Progress is two counters, read without the lock by those who ask whether there is anything to
// wait for. A waiter is woken once, when what it waits for is done, and not before: with a backlog
// there may be many. It lowers `wake_at_` before it looks at `handled_`, and the thread looks at
// `wake_at_` after it has raised `handled_`, so one of the two always sees the other.
class Mailbox {
 public:
  // Something to hear that is no event: a call of the subscriber.
  using Notice = void (Bus::Subscriber::*)();

  Mailbox(std::string name, Bus::Subscriber* subscriber, size_t backlog_max);
  ~Mailbox() { Close(); }

  Bus::Subscriber* subscriber() const { return subscriber_; }
  bool only_foreign() const { return only_foreign_; }

  // Waits while the backlog is full.
  void Push(const EventPointer& event) { Push(Item{.event = event}); }
  // Tells the subscriber itself if nobody does at the moment and nothing is queued.
  void PushOrHandle(const EventPointer& event);
  void Tell(Notice notice) { Push(Item{.notice = notice}); }
  bool WaitUntilHandled(int64_t timeout_us);
  // Delivers what is queued, unless Discard was called, and ends the thread.
  void Close();
  void Discard();

 private:
  static constexpr size_t kSpareCapacityMax = 4096;

  // An event, or a notice.
  struct Item {
    EventPointer event = nullptr;
    Notice notice = nullptr;
  };
  // Who waits until so many have been handled; on its stack.
  struct Waiter {
    uint64_t target;
    CondVar reached;
  };
  static constexpr uint64_t kNobody = UINT64_MAX;

  void Push(Item item);
  // Until then, or until the mailbox no longer cares, or the deadline has passed: then false.
  bool WaitUntil(uint64_t target, int64_t deadline_us) STAMPEDE_REQUIRES(mutex_);
  void Deliver();
  // Everything that is queued, under one lock, for the thread to handle: it may be nothing, but time
  // for what can wait. False when closed and empty.
  bool Take(std::vector<Item>* batch);
  bool Quiet();
  void HandleAndCount(Item& item);
  bool TellIdle();
  // A handler that throws has a bug, or a store that is down. It has missed the event, which is
  // what OnGap is for.
  void Handle(const Item& item);
  template <class Call>
  bool Guard(const char* what, Call call);
  void WakeWaiters();
  void SetWakeAt() STAMPEDE_REQUIRES(mutex_);

  const std::string name_;
  Bus::Subscriber* const subscriber_;
  const size_t backlog_max_;
  const bool only_foreign_;

  Mutex mutex_;
  CondVar arrived_;
  std::vector<Item> queue_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<Waiter*> waiters_ STAMPEDE_GUARDED_BY(mutex_);
  bool closed_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool handling_ STAMPEDE_GUARDED_BY(mutex_) = false;  // the thread or a pusher, never both
  bool idle_wanted_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::atomic<bool> discard_{false};
  std::atomic<uint64_t> pushed_{0};
  std::atomic<uint64_t> handled_{0};
  std::atomic<uint64_t> wake_at_{kNobody};  // the smallest target of the waiters

  Mutex join_mutex_;
  std::thread thread_;
};

// The subscribers of this process, each with a mailbox. Thread-safe; the calls do what those of Bus
// with the same names do.
class Mailboxes {
 public:
  explicit Mailboxes(size_t queue_max) : queue_max_(queue_max) {}
  ~Mailboxes() { Stop(); }

  // Throws once stopped.
  void Publish(const EventPointer& event);
  // What came from elsewhere, or is about elsewhere. Dropped once stopped.
  void Deliver(const EventPointer& event);
  void Tell(Mailbox::Notice notice);

  void Subscribe(std::string name, Bus::Subscriber* subscriber);
  void Unsubscribe(Bus::Subscriber* subscriber);
  bool WaitUntilHandled(Bus::Subscriber* subscriber, int64_t timeout_us);
  void Stop();

 private:
  using List = std::vector<std::shared_ptr<Mailbox>>;

  std::shared_ptr<const List> All(bool to_publish);
  std::shared_ptr<Mailbox> Find(Bus::Subscriber* subscriber);

  const size_t queue_max_;
  Mutex mutex_;
  // Replaced, never changed, so that a publisher walks it without the lock.
  std::shared_ptr<const List> list_ STAMPEDE_GUARDED_BY(mutex_) = std::make_shared<List>();
  bool stopped_ STAMPEDE_GUARDED_BY(mutex_) = false;
};

}  // namespace stampede::events
