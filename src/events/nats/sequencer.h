#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "events/bus.h"

namespace stampede::events::nats {

// Puts the messages of each sender back in order. A sender numbers its messages without a hole and
// has many under way at once, so when one is refused or lost with its connection, younger ones get
// into the stream before it. Those wait here for it: at most limits::kSequenceHeldMax of a sender, and for
// `patience_us`; then what is missing counts as a gap. A sender that is first heard in the middle
// begins there, and what it sent before is delivered as it comes. Not thread-safe; calls back from
// within its calls.
class Sequencer {
 public:
  using Deliver = std::function<void(std::shared_ptr<const Event>)>;
  using TellGap = std::function<void(const char* why)>;
  Sequencer(Deliver deliver, TellGap tell_gap, int64_t patience_us)
      : deliver_(std::move(deliver)), tell_gap_(std::move(tell_gap)), patience_us_(patience_us) {}

  // `event` null: there was one that could not be sent or read. `number` 0: it has none, and is
  // delivered as it comes. Doubles are dropped.
  void Take(std::string_view origin, uint64_t number, std::shared_ptr<const Event> event,
            int64_t now_us);
  // Goes on without what has been waited for too long. Cheap when nothing waits.
  void GiveUpOld(int64_t now_us);
  // The place in the stream is lost; what waits is delivered no more.
  void Clear();

 private:
  struct Sender {
    uint64_t first = 0;
    uint64_t next = 0;
    int64_t heard_us = 0;
    int64_t waiting_since_us = 0;  // while something is held
    std::map<uint64_t, std::shared_ptr<const Event>> held;
  };

  Sender& SenderOf(std::string_view origin, uint64_t number, int64_t now_us);
  void Handle(const std::shared_ptr<const Event>& event);
  void HandleHeld(Sender& sender, int64_t now_us);
  void GiveUp(Sender& sender, int64_t now_us);

  const Deliver deliver_;
  const TellGap tell_gap_;
  const int64_t patience_us_;
  std::map<std::string, Sender, std::less<>> senders_;
  size_t waiting_ = 0;  // senders of whom something is held
};

}  // namespace stampede::events::nats
