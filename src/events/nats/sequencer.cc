#include "events/nats/sequencer.h"

#include <utility>

#include "base/limits.h"

namespace stampede::events::nats {
namespace {

// One that has said nothing for so long has ended, or is met again as if it were new.
constexpr int64_t kForgottenUs = 600'000'000;

}  // namespace

void Sequencer::Take(std::string_view origin, uint64_t number, std::shared_ptr<const Event> event,
                     int64_t now_us) {
  if (number == 0) return Handle(event);
  Sender& sender = SenderOf(origin, number, now_us);
  sender.heard_us = now_us;
  if (number < sender.first) return Handle(event);
  if (number < sender.next) return;
  if (number > sender.next) {
    if (sender.held.empty()) {
      sender.waiting_since_us = now_us;
      ++waiting_;
    }
    sender.held.emplace(number, std::move(event));
    if (sender.held.size() > limits::kSequenceHeldMax) GiveUp(sender, now_us);
    return;
  }
  ++sender.next;
  Handle(event);
  if (!sender.held.empty()) HandleHeld(sender, now_us);
}

Sequencer::Sender& Sequencer::SenderOf(std::string_view origin, uint64_t number, int64_t now_us) {
  auto found = senders_.find(origin);
  if (found != senders_.end()) return found->second;
  std::erase_if(senders_, [&](const auto& entry) {
    return entry.second.held.empty() && now_us - entry.second.heard_us > kForgottenUs;
  });
  return senders_.emplace(origin, Sender{.first = number, .next = number}).first->second;
}

void Sequencer::Handle(const std::shared_ptr<const Event>& event) {
  if (event)
    deliver_(event);
  else
    tell_gap_("an event could not be sent or read");
}

void Sequencer::HandleHeld(Sender& sender, int64_t now_us) {
  while (!sender.held.empty() && sender.held.begin()->first == sender.next) {
    auto first = sender.held.extract(sender.held.begin());
    ++sender.next;
    Handle(first.mapped());
  }
  sender.waiting_since_us = now_us;
  if (sender.held.empty()) --waiting_;
}

void Sequencer::GiveUp(Sender& sender, int64_t now_us) {
  tell_gap_("an event never came");
  sender.next = sender.held.begin()->first;
  HandleHeld(sender, now_us);
}

void Sequencer::GiveUpOld(int64_t now_us) {
  if (waiting_ == 0) return;
  for (auto& [origin, sender] : senders_) {
    if (!sender.held.empty() && now_us - sender.waiting_since_us > patience_us_) {
      GiveUp(sender, now_us);
    }
  }
}

void Sequencer::Clear() {
  senders_.clear();
  waiting_ = 0;
}

}  // namespace stampede::events::nats
