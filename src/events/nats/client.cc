#include "events/nats/client.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::events::nats {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kDialMs = 2'000;
constexpr int64_t kReconnectMs = 250;
constexpr int64_t kPingMs = 5'000;
constexpr int kPingsOutMax = 2;
constexpr int64_t kCloseUs = 5'000'000;
constexpr int64_t kRequestMs = 2'000;
// The stream drops a message whose id it has seen within this time.
constexpr int64_t kDuplicatesMs = 120'000;
constexpr int64_t kConsumerIdleMs = 5'000;
constexpr int64_t kHeartbeatMs = 5'000;
// What the library holds of messages that were not taken yet; flow control keeps below it.
constexpr int kPendingMessagesMax = 65'536;
constexpr int kPendingBytesMax = 64 * 1024 * 1024;
// The receiver needs some seconds to use up so many.
constexpr size_t kRetiredMax = 16;

std::vector<std::string> SplitServers(std::string_view text) {
  std::vector<std::string> servers;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(", "), text.size());
    if (end > 0) servers.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (servers.empty()) throw std::runtime_error("nats: no servers are named");
  return servers;
}

void OnError(natsConnection*, natsSubscription*, natsStatus status, void*) {
  obs::Log(obs::LogLevel::kDebug, "nats", {{"status", natsStatus_GetText(status)}});
}

using StreamInfo = std::unique_ptr<jsStreamInfo, Destroyer<jsStreamInfo_Destroy>>;

StreamState StateOf(const jsStreamInfo& info) {
  return {.created = info.Created,
          .first = info.State.FirstSeq,
          .last = info.State.LastSeq,
          .last_time = info.State.LastTime,
          .led = true};
}

}  // namespace

void Require(natsStatus status, const char* what) {
  if (status == NATS_OK) return;
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  std::string text = std::string("nats: ") + what + ": " + natsStatus_GetText(status);
  if (detail && *detail) text += std::string(" (") + detail + ")";
  throw std::runtime_error(text);
}

std::string_view HeaderOf(natsMsg* message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK && value ? value : std::string_view();
}

Listener::Listener(Client& client, const std::string& subject, Heard heard)
    : client_(client), heard_(std::move(heard)) {
  Require(natsConnection_Subscribe(&subscription_, client.connection(), subject.c_str(), OnMessage,
                                   this),
          "subscribe");
  natsSubscription_SetOnCompleteCB(subscription_, OnComplete, this);
}

Listener::~Listener() {
  // After an error there is no subscription any more, and nothing will be complete.
  if (natsSubscription_Unsubscribe(subscription_) == NATS_OK) {
    MutexLock lock(mutex_);
    while (!complete_) changed_.Wait(mutex_);
  }
  client_.Retire(subscription_);
}

void Listener::OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
  Message owned(message);
  static_cast<Listener*>(self)->heard_(message);
}

void Listener::OnComplete(void* self) {
  auto* listener = static_cast<Listener*>(self);
  MutexLock lock(listener->mutex_);
  listener->complete_ = true;
  listener->changed_.NotifyAll();
}

Client::Client(const NatsOptions& options, std::function<void()> on_connected)
    : prefix_(options.prefix),
      stream_(options.prefix + "_events"),
      subject_(options.prefix + ".events"),
      replicas_(options.replicas),
      bytes_max_(options.stream_bytes_max),
      on_connected_(std::move(on_connected)) {
  Connect(options);
  jsOptions wait;
  jsOptions_Init(&wait);
  wait.Wait = kRequestMs;
  jsCtx* jetstream = nullptr;
  Require(natsConnection_JetStream(&jetstream, connection_.get(), &wait), "JetStream");
  jetstream_.reset(jetstream);
}

void Client::Connect(const NatsOptions& options) {
  const ThreadNameScope name("nats");  // of the threads that the library starts
  natsOptions* made = nullptr;
  Require(natsOptions_Create(&made), "options");
  std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>> settings(made);
  std::vector<std::string> servers = SplitServers(options.servers);
  std::vector<const char*> names;
  for (const std::string& server : servers) names.push_back(server.c_str());
  Require(natsOptions_SetServers(made, names.data(), static_cast<int>(names.size())), "servers");
  natsOptions_SetName(made, "stampede");
  natsOptions_SetTimeout(made, kDialMs);
  natsOptions_SetMaxReconnect(made, -1);
  natsOptions_SetReconnectWait(made, kReconnectMs);
  natsOptions_SetPingInterval(made, kPingMs);
  natsOptions_SetMaxPingsOut(made, kPingsOutMax);
  natsOptions_SetFailRequestsOnDisconnect(made, true);
  natsOptions_SetErrorHandler(made, OnError, nullptr);
  natsOptions_SetReconnectedCB(made, OnConnected, this);
  natsOptions_SetDisconnectedCB(made, OnDisconnected, this);
  natsOptions_SetClosedCB(made, OnClosed, this);
  natsOptions_SetRetryOnFailedConnect(made, true, OnConnected, this);
  natsConnection* connection = nullptr;
  natsStatus status = natsConnection_Connect(&connection, made);
  connection_.reset(connection);
  if (status == NATS_NOT_YET_CONNECTED) {
    obs::Log(obs::LogLevel::kWarn, "no event bus yet, going on without");
  } else {
    Require(status, "connect");
    epoch_ = 1;
  }
}

Client::~Client() { Close(); }

void Client::Close() {
  closing_ = true;
  natsConnection_Close(connection_.get());
  MutexLock lock(mutex_);
  while (!closed_) {
    if (!changed_.WaitFor(mutex_, kCloseUs)) break;
  }
  for (natsSubscription* subscription : retired_) natsSubscription_Destroy(subscription);
  retired_.clear();
}

void Client::OnConnected(natsConnection*, void* self) {
  auto* client = static_cast<Client*>(self);
  ++client->epoch_;
  obs::Log(obs::LogLevel::kInfo, "event bus connected");
  client->on_connected_();
}

void Client::OnDisconnected(natsConnection*, void* self) {
  if (static_cast<Client*>(self)->closing_) return;
  obs::Log(obs::LogLevel::kWarn, "event bus lost");
}

void Client::OnClosed(natsConnection*, void* self) {
  auto* client = static_cast<Client*>(self);
  MutexLock lock(client->mutex_);
  client->closed_ = true;
  client->changed_.NotifyAll();
}

bool Client::connected() const {
  return natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

size_t Client::PayloadMax() const {
  int64_t max = natsConnection_GetMaxPayload(connection_.get());
  return max > 0 ? static_cast<size_t>(max) : limits::kBroadcastBytesMax;
}

StreamState Client::GetStream() {
  jsStreamInfo* info = nullptr;
  natsStatus status = js_GetStreamInfo(&info, jetstream_.get(), stream_.c_str(), nullptr, nullptr);
  StreamInfo owned(info);
  if (Unled(status, info)) return {};
  Require(status, "look at the stream");
  return StateOf(*info);
}

// A stream that nobody leads is not answered for, or one of its members does, without a leader.
bool Client::Unled(natsStatus status, const jsStreamInfo* info) {
  if (status == NATS_OK) {
    return info->Cluster != nullptr &&
           (info->Cluster->Leader == nullptr || *info->Cluster->Leader == '\0');
  }
  if (status != NATS_TIMEOUT) return false;
  jsAccountInfo* account = nullptr;  // whoever leads JetStream answers for that
  status = js_GetAccountInfo(&account, jetstream_.get(), nullptr, nullptr);
  jsAccountInfo_Destroy(account);
  return status == NATS_OK;
}

void Client::RemoveStream() {
  natsStatus status = js_DeleteStream(jetstream_.get(), stream_.c_str(), nullptr, nullptr);
  if (status != NATS_NOT_FOUND) Require(status, "remove the stream");
}

StreamState Client::EnsureStream() {
  const char* subjects[] = {subject_.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = stream_.c_str();
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.Replicas = replicas_;
  config.MaxBytes = bytes_max_;
  config.Discard = js_DiscardOld;
  config.Duplicates = kDuplicatesMs * kNsPerMs;

  jsStreamInfo* info = nullptr;
  natsStatus status = js_GetStreamInfo(&info, jetstream_.get(), stream_.c_str(), nullptr, nullptr);
  StreamInfo found(info);
  if (status == NATS_NOT_FOUND) {
    Require(js_AddStream(&info, jetstream_.get(), &config, nullptr, nullptr), "create the stream");
    StreamInfo added(info);
    return StateOf(*info);
  }
  if (Unled(status, found.get())) return {};
  Require(status, "look at the stream");
  if (found->Config->Replicas != replicas_ || found->Config->MaxBytes != bytes_max_) {
    // It works with the old size too, so a refusal is for the operator to see, not for us to stop.
    status = js_UpdateStream(nullptr, jetstream_.get(), &config, nullptr, nullptr);
    obs::Log(status == NATS_OK ? obs::LogLevel::kInfo : obs::LogLevel::kWarn,
             "event stream given another size", {{"status", natsStatus_GetText(status)}});
  }
  return StateOf(*found);
}

std::optional<int64_t> Client::TimeOf(uint64_t sequence) {
  natsMsg* message = nullptr;
  natsStatus status =
      js_GetMsg(&message, jetstream_.get(), stream_.c_str(), sequence, nullptr, nullptr);
  Message owned(message);
  if (status == NATS_NOT_FOUND) return std::nullopt;
  Require(status, "look at a message");
  return natsMsg_GetTime(message);
}

void Client::AddConsumer(uint64_t first, const std::string& deliver_to) {
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.DeliverSubject = deliver_to.c_str();
  config.DeliverPolicy = js_DeliverByStartSequence;
  config.OptStartSeq = first;
  config.AckPolicy = js_AckNone;
  config.MaxDeliver = 1;
  config.FlowControl = true;
  config.Heartbeat = kHeartbeatMs * kNsPerMs;
  config.InactiveThreshold = kConsumerIdleMs * kNsPerMs;
  config.MemoryStorage = true;
  config.Replicas = 1;
  Require(js_AddConsumer(nullptr, jetstream_.get(), stream_.c_str(), &config, nullptr, nullptr),
          "subscribe to the stream");
}

void Client::Retire(natsSubscription* subscription) {
  natsSubscription_Unsubscribe(subscription);
  MutexLock lock(mutex_);
  retired_.push_back(subscription);
  if (retired_.size() <= kRetiredMax) return;
  natsSubscription_Destroy(retired_.front());
  retired_.pop_front();
}

Consumer::Consumer(Client& client, uint64_t first) : client_(client) {
  natsInbox* inbox = nullptr;
  Require(natsInbox_Create(&inbox), "make a subject");
  const std::string subject(inbox);
  natsInbox_Destroy(inbox);
  Require(natsConnection_SubscribeSync(&subscription_, client.connection(), subject.c_str()),
          "subscribe");
  try {
    Require(natsSubscription_SetPendingLimits(subscription_, kPendingMessagesMax, kPendingBytesMax),
            "limit what is pending");
    client.AddConsumer(first, subject);
  } catch (...) {
    client.Retire(subscription_);
    throw;
  }
}

Consumer::~Consumer() {
  // What is retired shall not hold memory.
  int pending = 0, bytes = 0;
  natsSubscription_GetPending(subscription_, &pending, &bytes);
  for (; pending > 0; --pending) {
    natsMsg* message = nullptr;
    if (natsSubscription_NextMsg(&message, subscription_, 0) != NATS_OK) break;
    natsMsg_Destroy(message);
  }
  client_.Retire(subscription_);
}

natsStatus Consumer::Next(Message& message, int64_t timeout_ms) {
  natsMsg* next = nullptr;
  natsStatus status = natsSubscription_NextMsg(&next, subscription_, timeout_ms);
  message.reset(next);
  if (status == NATS_OK && Answer(next)) message.reset();
  return status;
}

// https://docs.nats.io/reference/reference-protocols/nats_api_reference and ADR-15 of NATS: status
// 100 is a heartbeat or a request to say how far we are, when we are.
bool Consumer::Answer(natsMsg* message) {
  if (HeaderOf(message, "Status") != "100") return false;
  const char* reply = natsMsg_GetReply(message);
  std::string stalled(HeaderOf(message, "Nats-Consumer-Stalled"));
  if (reply != nullptr && *reply) natsConnection_Publish(client_.connection(), reply, nullptr, 0);
  if (!stalled.empty()) {
    natsConnection_Publish(client_.connection(), stalled.c_str(), nullptr, 0);
  }
  return true;
}

}  // namespace stampede::events::nats
