#include "events/nats/nats_bus.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "events/mailbox.h"
#include "events/nats/client.h"
#include "events/nats/receiver.h"
#include "events/nats/sender.h"

namespace stampede::events {
namespace {

constexpr int64_t kFlushMs = 1'000;

bool IsName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

const NatsOptions& Checked(const NatsOptions& options) {
  if (!IsName(options.prefix)) throw std::runtime_error("nats: the prefix is no name");
  return options;
}

class NatsBus final : public Bus {
 public:
  NatsBus(const NatsOptions& options, Clock& clock, Random& random, obs::Metrics& metrics)
      : origin_(random.Token(12)),
        mailboxes_(options.queue_max),
        client_(Checked(options), [this] { OnConnected(); }),
        sender_(client_, origin_, options.unsent_max, clock, random, metrics),
        receiver_(client_, mailboxes_, origin_, options, clock, metrics) {
    {
      MutexLock lock(mutex_);
      built_ = true;
    }
    receiver_.WaitUntilReady(options.start_ms);
  }
  ~NatsBus() override { Stop(); }

  void Publish(std::shared_ptr<const Event> event) override {
    mailboxes_.Publish(event);
    sender_.Send(*event);
  }
  void Subscribe(std::string name, Subscriber* subscriber) override {
    mailboxes_.Subscribe(std::move(name), subscriber);
  }
  void Unsubscribe(Subscriber* subscriber) override { mailboxes_.Unsubscribe(subscriber); }
  bool WaitUntilHandled(Subscriber* subscriber, int64_t timeout_us) override {
    return mailboxes_.WaitUntilHandled(subscriber, timeout_us);
  }
  void Stop() override;

  bool shared() const override { return true; }
  bool reachable() const override { return sender_.reachable(); }
  void SetAcknowledgements(Acknowledgements* hooks) override { sender_.SetAcknowledgements(hooks); }
  void Broadcast(std::string_view topic, std::string_view bytes) override;
  void OnBroadcast(std::string topic, Heard heard) override;

 private:
  std::string BroadcastSubject(std::string_view topic, std::string_view origin) const {
    return client_.prefix() + ".broadcast." + std::string(topic) + "." + std::string(origin);
  }
  void OnConnected();

  const std::string origin_;
  Mailboxes mailboxes_;
  Mutex mutex_;
  bool built_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopped_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::unique_ptr<nats::Listener>> broadcasts_ STAMPEDE_GUARDED_BY(mutex_);
  nats::Client client_;
  mutable nats::Sender sender_;
  nats::Receiver receiver_;
};

void NatsBus::OnConnected() {
  {
    MutexLock lock(mutex_);
    if (!built_) return;  // both begin with a fresh look
  }
  sender_.Resend();
  receiver_.Wake();
}

void NatsBus::Stop() {
  std::map<std::string, std::unique_ptr<nats::Listener>> ending;
  {
    MutexLock lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    ending.swap(broadcasts_);
  }
  ending.clear();
  receiver_.Stop();
  mailboxes_.Stop();
  sender_.Stop();
  client_.Close();
}

void NatsBus::Broadcast(std::string_view topic, std::string_view bytes) {
  STAMPEDE_CHECK(bytes.size() <= limits::kBroadcastBytesMax && IsName(topic));
  // The library would keep it for the next connection.
  if (!client_.connected()) return;
  natsConnection_Publish(client_.connection(), BroadcastSubject(topic, origin_).c_str(),
                         bytes.data(), static_cast<int>(bytes.size()));
}

void NatsBus::OnBroadcast(std::string topic, Heard heard) {
  STAMPEDE_CHECK(IsName(topic));
  const std::string own = BroadcastSubject(topic, origin_);
  auto listener = std::make_unique<nats::Listener>(
      client_, BroadcastSubject(topic, "*"), [own, heard = std::move(heard)](natsMsg* message) {
        if (natsMsg_GetSubject(message) == own) return;
        heard({natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))});
      });
  // What others broadcast from now on is heard, if there is a connection.
  if (client_.connected()) natsConnection_FlushTimeout(client_.connection(), kFlushMs);
  MutexLock lock(mutex_);
  broadcasts_[topic] = std::move(listener);
}

}  // namespace

std::unique_ptr<Bus> MakeNatsBus(const NatsOptions& options, Clock& clock, Random& random,
                                 obs::Metrics& metrics) {
  return std::make_unique<NatsBus>(options, clock, random, metrics);
}

}  // namespace stampede::events
