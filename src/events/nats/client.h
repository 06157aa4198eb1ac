#pragma once

#include <nats/nats.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "events/nats/nats_bus.h"

// The C client library behind objects that clean up. Internal to the NATS bus.
namespace stampede::events::nats {

template <auto Destroy>
struct Destroyer {
  template <class T>
  void operator()(T* object) const {
    Destroy(object);
  }
};
using Message = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;

// Throws std::runtime_error that says what failed and why.
void Require(natsStatus status, const char* what);

// Empty when absent; valid as long as the message.
std::string_view HeaderOf(natsMsg* message, const char* name);

// What the stream holds: numbers `first` to `last`; first == last + 1 when nothing.
struct StreamState {
  int64_t created = 0;  // tells one stream of this name from the next
  uint64_t first = 0;
  uint64_t last = 0;
  int64_t last_time = 0;  // when `last` was stored, in ns
  // Whether one of the servers leads it. Otherwise nothing is stored or heard, and the rest may be
  // old, or absent.
  bool led = false;
};

class Client;

// A subscription whose callback runs on a thread of the library. Gone, with no call under way, when
// the destructor returns. Before the client closes.
class Listener {
 public:
  using Heard = std::function<void(natsMsg*)>;
  Listener(Client& client, const std::string& subject, Heard heard);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self);
  static void OnComplete(void* self);

  Client& client_;
  const Heard heard_;
  natsSubscription* subscription_ = nullptr;
  Mutex mutex_;
  CondVar changed_;
  bool complete_ STAMPEDE_GUARDED_BY(mutex_) = false;
};

// Reads the stream from a number on, in order, by an ephemeral consumer. One thread. The library's
// own js_SubscribeSync would do, but that frees the subscription when the server is late.
class Consumer {
 public:
  // Throws when the server does not answer.
  Consumer(Client& client, uint64_t first);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // NATS_OK with a message, or with none when the server only asked whether we are here.
  natsStatus Next(Message& message, int64_t timeout_ms);

 private:
  // Flow control and heartbeats.
  bool Answer(natsMsg* message);

  Client& client_;
  natsSubscription* subscription_ = nullptr;
};

// One connection, which the library opens again by itself for ever, and the stream. Thread-safe.
class Client {
 public:
  // Goes on without a connection if no server answers yet. `on_connected` runs on a thread of the
  // library after each time it has got a connection.
  Client(const NatsOptions& options, std::function<void()> on_connected);
  ~Client();

  // Ends the connection; no callback after it.
  void Close();

  bool connected() const;
  // Another number after each connection.
  uint64_t epoch() const { return epoch_; }
  natsConnection* connection() { return connection_.get(); }
  const std::string& subject() const { return subject_; }
  const std::string& prefix() const { return prefix_; }
  size_t PayloadMax() const;

  // Creates the stream, or gives it the size of the options. These ask the server and throw when it
  // does not answer.
  StreamState EnsureStream();
  StreamState GetStream();
  void RemoveStream();
  // When the message was stored, in ns; nullopt when the stream has none of that number.
  std::optional<int64_t> TimeOf(uint64_t sequence);

  // Has messages from number `first` on sent to a subject.
  void AddConsumer(uint64_t first, const std::string& deliver_to);
  // Takes over a subscription that nobody needs any more. Freed a good while later: up to version
  // 3.6.0 the library may still be busy with one of its messages
  // (https://github.com/nats-io/nats.c/issues/637).
  void Retire(natsSubscription* subscription);

 private:
  void Connect(const NatsOptions& options);
  bool Unled(natsStatus status, const jsStreamInfo* info);
  static void OnConnected(natsConnection*, void* self);
  static void OnDisconnected(natsConnection*, void* self);
  static void OnClosed(natsConnection*, void* self);

  const std::string prefix_;
  const std::string stream_;
  const std::string subject_;
  const int64_t replicas_;
  const int64_t bytes_max_;
  const std::function<void()> on_connected_;
  std::unique_ptr<natsConnection, Destroyer<natsConnection_Destroy>> connection_;
  std::unique_ptr<jsCtx, Destroyer<jsCtx_Destroy>> jetstream_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<bool> closing_{false};
  Mutex mutex_;
  CondVar changed_;
  bool closed_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::deque<natsSubscription*> retired_ STAMPEDE_GUARDED_BY(mutex_);
};

}  // namespace stampede::events::nats
