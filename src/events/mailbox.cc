#include "events/mailbox.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "base/clock.h"
#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::events {

namespace {

// A publisher that waits for room looks around again after so long.
constexpr int64_t kRoomUs = 60'000'000;

}  // namespace

Mailbox::Mailbox(std::string name, Bus::Subscriber* subscriber, size_t backlog_max)
    : name_(std::move(name)),
      subscriber_(subscriber),
      backlog_max_(backlog_max),
      only_foreign_(subscriber->only_foreign()) {
  if (only_foreign_) return;
  thread_ = std::thread([this] {
    NameThread(name_);
    Deliver();
  });
}

void Mailbox::Push(Item item) {
  if (only_foreign_) {
    MutexLock lock(mutex_);  // who closes waits for the call
    if (!closed_) Handle(item);
    return;
  }
  {
    MutexLock lock(mutex_);
    while (pushed_ - handled_ >= backlog_max_ && !closed_) {
      // Not for one place: it would be woken for each event.
      WaitUntil(pushed_ - backlog_max_ / 2, SystemClock().MonotonicUs() + kRoomUs);
    }
    if (closed_) return;
    queue_.push_back(std::move(item));
    ++pushed_;
    // The thread has been woken for the first one; and whoever handles looks again afterwards.
    if (handling_ || queue_.size() > 1) return;
  }
  arrived_.NotifyOne();
}

void Mailbox::PushOrHandle(const EventPointer& event) {
  Item item{.event = event};
  bool taken = false;
  if (!only_foreign_) {
    MutexLock lock(mutex_);
    taken = !handling_ && !closed_ && queue_.empty();
    if (taken) {
      handling_ = true;
      ++pushed_;
    }
  }
  if (!taken) return Push(std::move(item));
  HandleAndCount(item);
  const bool more = TellIdle();
  {
    MutexLock lock(mutex_);
    handling_ = false;
    idle_wanted_ = more;
    if (queue_.empty() && !more && !closed_) return;
  }
  arrived_.NotifyOne();
}

bool Mailbox::WaitUntilHandled(int64_t timeout_us) {
  const uint64_t target = pushed_;
  if (handled_ >= target) return true;
  const int64_t deadline_us = SystemClock().MonotonicUs() + timeout_us;
  MutexLock lock(mutex_);
  return WaitUntil(target, deadline_us);
}

bool Mailbox::WaitUntil(uint64_t target, int64_t deadline_us) {
  Waiter waiter{.target = target, .reached = {}};
  waiters_.push_back(&waiter);
  SetWakeAt();
  bool in_time = true;
  while (handled_ < target && !discard_ && in_time) {
    int64_t left_us = deadline_us - SystemClock().MonotonicUs();
    if (left_us <= 0)
      in_time = false;
    else
      waiter.reached.WaitFor(mutex_, left_us);
  }
  std::erase(waiters_, &waiter);
  SetWakeAt();
  return in_time;
}

void Mailbox::SetWakeAt() {
  uint64_t next = kNobody;
  for (const Waiter* waiter : waiters_) {
    if (waiter->target > handled_) next = std::min(next, waiter->target);
  }
  wake_at_ = next;
}

void Mailbox::Close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  arrived_.NotifyAll();
  MutexLock lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void Mailbox::Discard() {
  MutexLock lock(mutex_);
  discard_ = true;
}

void Mailbox::Deliver() {
  std::vector<Item> batch;
  while (Take(&batch)) {
    for (Item& item : batch) HandleAndCount(item);
    batch.clear();
    while (Quiet() && TellIdle()) {
    }
    MutexLock lock(mutex_);
    handling_ = false;
  }
}

void Mailbox::HandleAndCount(Item& item) {
  if (!discard_) Handle(item);
  item.event.reset();
  ++handled_;
  if (handled_ >= wake_at_) WakeWaiters();
}

bool Mailbox::TellIdle() {
  bool more = false;
  Guard("idle", [&] { more = subscriber_->OnIdle(); });
  return more;
}

bool Mailbox::Take(std::vector<Item>* batch) {
  if (batch->capacity() > kSpareCapacityMax) *batch = {};
  MutexLock lock(mutex_);
  while (handling_ || (queue_.empty() && !idle_wanted_ && !closed_)) arrived_.Wait(mutex_);
  batch->swap(queue_);
  idle_wanted_ = false;
  handling_ = !batch->empty() || !closed_;
  return handling_;
}

bool Mailbox::Quiet() {
  MutexLock lock(mutex_);
  return queue_.empty() && !closed_;
}

void Mailbox::Handle(const Item& item) {
  if (item.notice) {
    Guard("notice", [&] { (subscriber_->*item.notice)(); });
  } else if (!Guard("event", [&] { subscriber_->OnEvent(*item.event); })) {
    Guard("gap", [this] { subscriber_->OnGap(); });
  }
}

template <class Call>
bool Mailbox::Guard(const char* what, Call call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kError, "event subscriber failed",
             {{"subscriber", name_}, {"on", what}, {"error", error.what()}});
    return false;
  }
}

void Mailbox::WakeWaiters() {
  MutexLock lock(mutex_);
  for (Waiter* waiter : waiters_) {
    if (waiter->target <= handled_) waiter->reached.NotifyOne();
  }
  SetWakeAt();
}

void Mailboxes::Publish(const EventPointer& event) {
  const auto list = All(/*to_publish=*/true);
  for (const auto& mailbox : *list) {
    // What a dead process left is announced here and is foreign all the same.
    if (event->foreign || !mailbox->only_foreign()) mailbox->Push(event);
  }
}

void Mailboxes::Deliver(const EventPointer& event) {
  const auto list = All(/*to_publish=*/false);
  for (const auto& mailbox : *list) mailbox->PushOrHandle(event);
}

void Mailboxes::Tell(Mailbox::Notice notice) {
  const auto list = All(/*to_publish=*/false);
  for (const auto& mailbox : *list) mailbox->Tell(notice);
}

void Mailboxes::Subscribe(std::string name, Bus::Subscriber* subscriber) {
  auto mailbox = std::make_shared<Mailbox>(std::move(name), subscriber, queue_max_);
  MutexLock lock(mutex_);
  auto more = std::make_shared<List>(*list_);
  // What is told at once comes first.
  more->insert(mailbox->only_foreign() ? more->begin() : more->end(), mailbox);
  list_ = std::move(more);
}

void Mailboxes::Unsubscribe(Bus::Subscriber* subscriber) {
  std::shared_ptr<Mailbox> leaving = Find(subscriber);
  if (!leaving) return;
  {
    MutexLock lock(mutex_);
    auto fewer = std::make_shared<List>(*list_);
    std::erase(*fewer, leaving);
    list_ = std::move(fewer);
  }
  leaving->Discard();
  leaving->Close();
}

bool Mailboxes::WaitUntilHandled(Bus::Subscriber* subscriber, int64_t timeout_us) {
  std::shared_ptr<Mailbox> mailbox = Find(subscriber);
  return !mailbox || mailbox->WaitUntilHandled(timeout_us);
}

void Mailboxes::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
  }
  const auto list = All(/*to_publish=*/false);
  for (const auto& mailbox : *list) mailbox->Close();
}

std::shared_ptr<const Mailboxes::List> Mailboxes::All(bool to_publish) {
  MutexLock lock(mutex_);
  if (to_publish && stopped_) throw std::runtime_error("the event bus has stopped");
  return list_;
}

std::shared_ptr<Mailbox> Mailboxes::Find(Bus::Subscriber* subscriber) {
  auto list = All(/*to_publish=*/false);
  auto found = std::ranges::find(*list, subscriber, &Mailbox::subscriber);
  return found == list->end() ? nullptr : *found;
}

}  // namespace stampede::events
