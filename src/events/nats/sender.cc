#include "events/nats/sender.h"

#include <charconv>
#include <stdexcept>
#include <utility>

#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::events::nats {
namespace {

constexpr size_t kWindow = 1'024;
constexpr size_t kBurst = 64;
constexpr int64_t kTickUs = 500'000;
constexpr int64_t kRefusedPauseUs = 200'000;
constexpr int64_t kSilenceUs = 4'000'000;
constexpr int64_t kStopUs = 2'000'000;
constexpr size_t kHeadersBytes = 512;

// https://docs.nats.io/reference/reference-protocols/nats_api_reference: PubAck, or an error.
bool IsAcknowledgement(natsMsg* message) {
  if (natsMsg_IsNoResponders(message)) return false;  // no stream, or nobody leads it now
  std::string_view text(natsMsg_GetData(message),
                        static_cast<size_t>(natsMsg_GetDataLength(message)));
  return text.find("\"seq\"") != std::string_view::npos &&
         text.find("\"error\"") == std::string_view::npos;
}

}  // namespace

Sender::Sender(Client& client, std::string origin, size_t events_max, Clock& clock, Random& random,
               obs::Metrics& metrics)
    : client_(client),
      origin_(std::move(origin)),
      events_max_(events_max),
      clock_(clock),
      inbox_("_INBOX." + random.Token(16) + "."),
      waiting_(metrics.AddGauge("stampede_events_unacknowledged",
                                "Events of this process that the event stream does not have yet")),
      progress_us_(clock.MonotonicUs()) {
  answers_ = std::make_unique<Listener>(client_, inbox_ + "*",
                                        [this](natsMsg* message) { OnAnswer(message); });
  thread_ = std::thread([this] {
    NameThread("nats_sender");
    Work();
  });
}

Sender::~Sender() { Stop(); }

void Sender::Stop() {
  const int64_t deadline_us = clock_.MonotonicUs() + kStopUs;
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    while (!queue_.empty() && client_.connected() && clock_.MonotonicUs() < deadline_us) {
      emptied_.WaitFor(mutex_, kTickUs / 10);
    }
    stopping_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
  answers_.reset();
}

void Sender::Send(const Event& event) {
  auto bytes = std::make_shared<const std::string>(EncodeEvent(event));
  bool wake;
  {
    MutexLock lock(mutex_);
    if (!Remember(event.id, std::move(bytes))) return;
    wake = MustWake();
  }
  if (wake) wake_.NotifyAll();
}

bool Sender::Remember(EventId id, std::shared_ptr<const std::string> bytes) {
  if (queue_.size() >= events_max_ || bytes_ + bytes->size() > limits::kEventsUnsentBytesMax) {
    if (!forgotten_) obs::Log(obs::LogLevel::kWarn, "events wait in the outbox for the event bus");
    forgotten_ = true;
    return false;
  }
  Enqueue(id, std::move(bytes));
  marks_due_ = kMarks;
  return true;
}

void Sender::Enqueue(EventId id, std::shared_ptr<const std::string> bytes) {
  if (queue_.empty()) progress_us_ = clock_.MonotonicUs();
  bytes_ += bytes->size();
  queue_.emplace_hint(queue_.end(), next_number_++, Unacknowledged{id, std::move(bytes)});
  waiting_.Set(static_cast<int64_t>(queue_.size()));
}

void Sender::MarkIfQuiet(int64_t now_us) {
  if (marks_due_ == 0 || !queue_.empty() || now_us - progress_us_ < kMarkAfterUs) return;
  --marks_due_;
  Enqueue({}, std::make_shared<const std::string>());
}

bool Sender::MustWake() {
  return next_to_send_ < next_number_ && under_way_ < kWindow && std::exchange(asleep_, false);
}

bool Sender::reachable() {
  if (!client_.connected()) return false;
  MutexLock lock(mutex_);
  return queue_.size() < events_max_ / 2 &&
         (queue_.empty() || clock_.MonotonicUs() - progress_us_ < kSilenceUs);
}

void Sender::SetAcknowledgements(Bus::Acknowledgements* hooks) {
  MutexLock lock(hooks_mutex_);
  hooks_ = hooks;
}

void Sender::Resend() {
  MutexLock lock(mutex_);
  ResendAll();
  not_before_us_ = 0;
  wake_.NotifyAll();
}

void Sender::ResendAll() {
  for (auto& [number, event] : queue_) event.sent_us = 0;
  next_to_send_ = 0;
  under_way_ = 0;
}

void Sender::Work() {
  while (true) {
    std::vector<Outgoing> burst;
    {
      MutexLock lock(mutex_);
      while (!stopping_) {
        burst = NextToSend();
        if (!burst.empty()) break;
        asleep_ = true;
        wake_.WaitFor(mutex_, kTickUs);
      }
      asleep_ = false;
      if (stopping_) return;
    }
    for (const Outgoing& outgoing : burst) {
      try {
        SendOne(outgoing);
      } catch (const std::exception& error) {
        obs::Log(obs::LogLevel::kDebug, "event not sent", {{"error", error.what()}});
        OnRefusal(outgoing.number);
        break;
      }
    }
  }
}

std::vector<Sender::Outgoing> Sender::NextToSend() {
  const int64_t now_us = clock_.MonotonicUs();
  std::vector<Outgoing> burst;
  if (!client_.connected() || now_us < not_before_us_) return burst;
  MarkIfQuiet(now_us);
  if (queue_.empty()) return burst;
  ResendIfSilent(now_us);
  auto it = queue_.lower_bound(next_to_send_);
  for (; it != queue_.end() && under_way_ < kWindow && burst.size() < kBurst; ++it) {
    next_to_send_ = it->first + 1;
    if (it->second.sent_us > 0) continue;
    it->second.sent_us = now_us;
    ++under_way_;
    burst.push_back({it->first, it->second.bytes});
  }
  return burst;
}

// An answer may be lost, or the stream have nobody who leads it.
void Sender::ResendIfSilent(int64_t now_us) {
  const Unacknowledged& first = queue_.begin()->second;
  if (first.sent_us > 0 && now_us - first.sent_us > kSilenceUs) ResendAll();
}

void Sender::SendOne(const Outgoing& outgoing) {
  const bool fits = outgoing.bytes->size() + kHeadersBytes < client_.PayloadMax();
  const std::string number = std::to_string(outgoing.number);
  const std::string reply = inbox_ + number;
  natsMsg* message = nullptr;
  Require(natsMsg_Create(&message, client_.subject().c_str(), reply.c_str(), outgoing.bytes->data(),
                         fits ? static_cast<int>(outgoing.bytes->size()) : 0),
          "make a message");
  Message owned(message);
  // The stream drops what has an id that it knows.
  Require(natsMsgHeader_Set(message, "Nats-Msg-Id", (origin_ + "." + number).c_str()),
          "set a header");
  Require(natsMsgHeader_Set(message, kOriginHeader, origin_.c_str()), "set a header");
  Require(natsMsgHeader_Set(message, kNumberHeader, number.c_str()), "set a header");
  if (!fits) Require(natsMsgHeader_Set(message, kGapHeader, "1"), "set a header");
  if (outgoing.bytes->empty())
    Require(natsMsgHeader_Set(message, kMarkHeader, "1"), "set a header");
  Require(natsConnection_PublishMsg(client_.connection(), message), "publish");
}

void Sender::OnAnswer(natsMsg* message) {
  std::string_view subject(natsMsg_GetSubject(message));
  if (subject.size() <= inbox_.size()) return;
  uint64_t number = 0;
  std::from_chars(subject.data() + inbox_.size(), subject.data() + subject.size(), number);
  if (!IsAcknowledgement(message)) return OnRefusal(number);

  EventId id;
  bool remembered = false, wake = false, emptied = false;
  {
    MutexLock lock(mutex_);
    progress_us_ = clock_.MonotonicUs();
    auto found = queue_.find(number);
    if (found == queue_.end()) return;
    id = found->second.id;
    bytes_ -= found->second.bytes->size();
    if (found->second.sent_us > 0) --under_way_;
    queue_.erase(found);
    waiting_.Set(static_cast<int64_t>(queue_.size()));
    if (forgotten_ && queue_.size() < events_max_ / 4) {
      forgotten_ = false;
      remembered = true;
    }
    wake = MustWake();
    emptied = queue_.empty();
  }
  if (wake) wake_.NotifyAll();
  if (emptied) emptied_.NotifyAll();
  MutexLock lock(hooks_mutex_);
  if (!hooks_) return;
  if (id) hooks_->OnAcknowledged(id);
  if (remembered) hooks_->OnForgotten();
}

void Sender::OnRefusal(uint64_t number) {
  MutexLock lock(mutex_);
  auto found = queue_.find(number);
  if (found == queue_.end()) return;
  not_before_us_ = clock_.MonotonicUs() + kRefusedPauseUs;
  // All of them, so that the order is kept; once for all that were refused together.
  if (found->second.sent_us > 0) ResendAll();
}

}  // namespace stampede::events::nats
