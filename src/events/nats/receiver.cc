#include "events/nats/receiver.h"

#include <charconv>
#include <exception>
#include <functional>
#include <stdexcept>
#include <utility>

#include "base/thread_name.h"
#include "events/nats/sender.h"
#include "obs/log.h"

namespace stampede::events::nats {
namespace {

constexpr int64_t kTakeMs = 100;
// Events that come closer together than this are gathered for as long: else each wakes the thread,
// which costs more than the rest. Others hear of them that much later.
constexpr int64_t kGatherUs = 1'000;
// The library frees messages on a thread of its own, which each would wake.
constexpr size_t kFreedTogether = 64;
constexpr int64_t kSilenceUs = 1'000'000;
constexpr int64_t kRetryUs = 200'000;
constexpr int64_t kWarningUs = 10'000'000;
// A look at a stream that nobody leads takes two requests' time at most, and some until the next.
constexpr int64_t kUnledLookUs = 6'000'000;

// An election takes 4 to 9 s each time it is tried, most often one. Not the same for all processes,
// so that one makes the stream anew, and the others find it.
int64_t UnledLimitUs(int64_t patience_us, const std::string& origin) {
  return 2 * patience_us +
         static_cast<int64_t>(std::hash<std::string>()(origin) % static_cast<size_t>(patience_us));
}

using MetaData = std::unique_ptr<jsMsgMetaData, Destroyer<jsMsgMetaData_Destroy>>;

}  // namespace

Receiver::Receiver(Client& client, Mailboxes& mailboxes, std::string origin,
                   const NatsOptions& options, Clock& clock, obs::Metrics& metrics)
    : client_(client),
      mailboxes_(mailboxes),
      origin_(std::move(origin)),
      blind_us_(options.blind_ms * 1000),
      patience_us_(options.patience_ms * 1000),
      unled_limit_us_(UnledLimitUs(patience_us_, origin_)),
      clock_(clock),
      sequence_(metrics.AddGauge("stampede_events_sequence",
                                 "Number in the event stream up to which this process has heard")),
      hearing_(metrics.AddGauge("stampede_events_hearing",
                                "1 while this process hears the event stream, else 0")),
      heard_(metrics.AddCounter("stampede_events_heard_total", "Events of other processes")),
      gaps_(metrics.AddCounter("stampede_events_gaps_total",
                               "Times that events were missed for good, and caches dropped")),
      sequencer_(
          [this](auto event) {
            if (event != mark_) mailboxes_.Deliver(std::move(event));
          },
          [this](const char* why) { TellGap(why); }, patience_us_),
      contact_us_(clock.MonotonicUs()),
      blind_since_us_(contact_us_) {
  thread_ = std::thread([this] {
    NameThread("nats_receiver");
    Run();
  });
}

bool Receiver::WaitUntilReady(int64_t timeout_ms) {
  const int64_t deadline_us = clock_.MonotonicUs() + timeout_ms * 1000;
  MutexLock lock(mutex_);
  while (!ready_ && !stopping_) {
    int64_t left_us = deadline_us - clock_.MonotonicUs();
    if (left_us <= 0) {
      late_ = true;
      return false;
    }
    changed_.WaitFor(mutex_, left_us);
  }
  return ready_;
}

void Receiver::Wake() { changed_.NotifyAll(); }

void Receiver::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

bool Receiver::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void Receiver::Run() {
  while (!stopping()) {
    const uint64_t epoch = client_.epoch();
    try {
      if (client_.connected()) {
        Open();
        hearing_.Set(1);
        Listen(epoch);
        continue;
      }
    } catch (const std::exception& error) {
      Warn(error.what());
    }
    hearing_.Set(0);
    TellIfBlind();
    MutexLock lock(mutex_);
    if (!stopping_) changed_.WaitFor(mutex_, kRetryUs);
  }
  consumer_.reset();
}

void Receiver::Open() {
  consumer_.reset();
  const StreamState state = client_.EnsureStream();
  if (!state.led) {
    ReplaceIfUnledForLong();
    throw std::runtime_error("nats: nobody leads the stream");
  }
  unled_seen_us_ = 0;
  const bool placed = next_ > 0;
  const bool withheld = placed && Withholds(state);
  const bool continues = placed && !withheld && Continues(state);
  if (!continues) {
    if (placed) LosePlace(state);
    next_ = state.last + 1;
    created_ = state.created;
    last_time_ = state.last_time;
    sequence_.Set(static_cast<int64_t>(state.last));
  }
  consumer_ = std::make_unique<Consumer>(client_, next_);
  next_delivery_ = 1;
  behind_at_ = 0;
  contact_us_ = blind_since_us_ = clock_.MonotonicUs();
  bool missed = placed && !continues;
  {
    MutexLock lock(mutex_);
    // Whoever subscribed before this process had a place may have missed something too.
    if (!ready_) missed |= late_;
    ready_ = true;
  }
  changed_.NotifyAll();
  if (withheld) return TellGap("the stream does not hand out what it has");
  if (missed) TellGap("the stream does not go on where it was left");
}

void Receiver::ReplaceIfUnledForLong() {
  const int64_t now_us = clock_.MonotonicUs();
  if (now_us - unled_seen_us_ > kUnledLookUs) unled_since_us_ = now_us;
  unled_seen_us_ = now_us;
  if (now_us - unled_since_us_ < unled_limit_us_) return;
  obs::Log(obs::LogLevel::kWarn, "nobody leads the event stream, making another",
           {{"seconds", (now_us - unled_since_us_) / 1'000'000}});
  unled_since_us_ = now_us;
  client_.RemoveStream();
}

bool Receiver::Withholds(const StreamState& state) {
  const int64_t now_us = clock_.MonotonicUs();
  const uint64_t waits_for = state.last >= next_ ? next_ : 0;
  if (waits_for != waits_for_) {
    waits_for_ = waits_for;
    waits_since_us_ = now_us;
  }
  return waits_for > 0 && now_us - waits_since_us_ > patience_us_;
}

bool Receiver::Continues(const StreamState& state) {
  if (state.created != created_ || state.first > next_ || state.last + 1 < next_) return false;
  if (next_ == 1 || (state.last + 1 == next_ && state.last_time == last_time_)) return true;
  // A stream that has lost its end (a power failure, a replica that was behind) and gone on numbers
  // other messages alike.
  return client_.TimeOf(next_ - 1) == last_time_;
}

void Receiver::Listen(uint64_t epoch) {
  while (!stopping() && client_.connected() && client_.epoch() == epoch) {
    sequencer_.GiveUpOld(clock_.MonotonicUs());
    TellGapAgainIfDue();
    Message message;
    natsStatus status = Next(message);
    if (status == NATS_OK) {
      if (message && !Take(message.get())) return;
      spent_.push_back(std::move(message));
      if (spent_.size() >= kFreedTogether) spent_.clear();
    } else if (status != NATS_TIMEOUT) {
      // It had to drop messages: from the last one heard again.
      obs::Log(obs::LogLevel::kInfo, "event stream interrupted",
               {{"status", natsStatus_GetText(status)}});
      return;
    } else if (clock_.MonotonicUs() - contact_us_ > kSilenceUs && !StillUpToDate()) {
      return;
    }
  }
}

natsStatus Receiver::Next(Message& message) {
  natsStatus status = consumer_->Next(message, 0);
  if (status != NATS_TIMEOUT) return status;
  if (clock_.MonotonicUs() - waited_us_ < kGatherUs) {
    {
      MutexLock lock(mutex_);
      if (!stopping_) changed_.WaitFor(mutex_, kGatherUs);
    }
    waited_us_ = clock_.MonotonicUs();
    status = consumer_->Next(message, 0);
    if (status != NATS_TIMEOUT) return status;
  }
  waited_us_ = clock_.MonotonicUs();
  status = consumer_->Next(message, kTakeMs);
  if (status == NATS_TIMEOUT) spent_.clear();
  return status;
}

bool Receiver::StillUpToDate() {
  const StreamState state = client_.GetStream();
  contact_us_ = clock_.MonotonicUs();
  if (!state.led || state.created != created_ || state.last + 1 < next_) return false;
  if (state.last < next_) {
    blind_since_us_ = contact_us_;
    behind_at_ = 0;
    return true;
  }
  // What is behind now may be under way; if it is still at the next look, it is lost.
  return std::exchange(behind_at_, next_) != next_;
}

bool Receiver::Take(natsMsg* message) {
  jsMsgMetaData* made = nullptr;
  if (natsMsg_GetMetaData(&made, message) != NATS_OK) return false;
  const MetaData data(made);
  if (data->Sequence.Consumer < next_delivery_) return true;
  // Lost on the way here: the stream still has it.
  if (data->Sequence.Consumer > next_delivery_) return false;
  ++next_delivery_;
  contact_us_ = blind_since_us_ = clock_.MonotonicUs();
  if (data->Sequence.Stream < next_) return true;
  if (data->Sequence.Stream > next_) {
    ForgetNumbers();
    TellGap("the stream has dropped events");
  }
  Deliver(message);
  next_ = data->Sequence.Stream + 1;
  last_time_ = data->Timestamp;
  sequence_.Set(static_cast<int64_t>(data->Sequence.Stream));
  return true;
}

void Receiver::Deliver(natsMsg* message) {
  const std::string_view origin = HeaderOf(message, kOriginHeader);
  if (origin == origin_) return;
  const std::string_view digits = HeaderOf(message, kNumberHeader);
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (!HeaderOf(message, kMarkHeader).empty()) {
    return sequencer_.Take(origin, number, mark_, clock_.MonotonicUs());
  }
  heard_.Add();
  std::shared_ptr<Event> event;
  try {
    if (HeaderOf(message, kGapHeader).empty()) {
      event = std::make_shared<Event>(DecodeEvent(
          {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))}));
      event->foreign = true;
    }
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kError, "an event cannot be read", {{"error", error.what()}});
  }
  sequencer_.Take(origin, number, std::move(event), clock_.MonotonicUs());
}

void Receiver::Warn(const char* error) {
  const int64_t now_us = clock_.MonotonicUs();
  if (now_us < next_warning_us_) return;
  next_warning_us_ = now_us + kWarningUs;
  obs::Log(obs::LogLevel::kWarn, "cannot hear the event stream", {{"error", error}});
}

void Receiver::TellGap(const char* why) {
  gaps_.Add();
  obs::Log(obs::LogLevel::kWarn, "events were missed, caches are dropped", {{"why", why}});
  mailboxes_.Tell(&Bus::Subscriber::OnGap);
}

void Receiver::LosePlace(const StreamState& state) {
  obs::Log(obs::LogLevel::kInfo, "place in the event stream lost",
           {{"next", next_},
            {"first", state.first},
            {"last", state.last},
            {"recreated", state.created != created_}});
  ForgetNumbers();
}

void Receiver::ForgetNumbers() {
  sequencer_.Clear();
  gap_again_us_ = clock_.MonotonicUs() + patience_us_;
}

// A sender whose numbers were forgotten is met anew at whatever comes first. What it had sent before,
// and a stream that had just lost something lost too, is in the store by now.
void Receiver::TellGapAgainIfDue() {
  if (clock_.MonotonicUs() < gap_again_us_) return;
  gap_again_us_ = INT64_MAX;
  TellGap("events may have been missed after those that were");
}

void Receiver::TellIfBlind() {
  const int64_t now_us = clock_.MonotonicUs();
  if (now_us - blind_since_us_ < blind_us_) return;
  blind_since_us_ = now_us;
  mailboxes_.Tell(&Bus::Subscriber::OnBlind);
}

}  // namespace stampede::events::nats
