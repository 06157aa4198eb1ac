#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/mailbox.h"
#include "events/nats/client.h"
#include "events/nats/sequencer.h"
#include "obs/metrics.h"

namespace stampede::events::nats {

// Hears the stream and tells the mailboxes what other processes published: a thread that knows the
// number of the next message. Whatever is odd (a new connection, silence, a number left out) makes
// it look at the stream and subscribe again from there. Messages before it were heard, so a double
// is dropped; messages that are no longer there are a gap. A Sequencer orders what came.
class Receiver {
 public:
  Receiver(Client& client, Mailboxes& mailboxes, std::string origin, const NatsOptions& options,
           Clock& clock, obs::Metrics& metrics);
  ~Receiver() { Stop(); }

  // Until it knows its place in the stream; false after `timeout_ms`. A place that is found after
  // such a false counts as a gap.
  bool WaitUntilReady(int64_t timeout_ms);
  // There is a new connection.
  void Wake();
  void Stop();

 private:
  void Run();
  // Subscribes from the next message.
  void Open();
  // Three servers that were all killed may elect nobody for a stream ever again
  // (https://github.com/nats-io/nats-server/issues/3943, seen with 2.9.10). Whatever was in it is in
  // the store, too, so the stream can go: everybody will be told of a gap.
  void ReplaceIfUnledForLong();
  // Whether the stream still holds what came after the last message that was heard.
  bool Continues(const StreamState& state);
  // Whether for too long nothing has come of what it holds: a replica that does not catch up with
  // the others can have the consumer, again and again.
  bool Withholds(const StreamState& state);
  void Listen(uint64_t epoch);
  // Waits for one.
  natsStatus Next(Message& message);
  // False: subscribe again.
  bool Take(natsMsg* message);
  void Deliver(natsMsg* message);
  // Nothing has come for a while; false if the stream has more than was heard, or is another one.
  bool StillUpToDate();
  void Warn(const char* error);
  void TellGap(const char* why);
  void LosePlace(const StreamState& state);
  // Of the senders, by which later losses show: a gap is told once more for those.
  void ForgetNumbers();
  void TellGapAgainIfDue();
  void TellIfBlind();
  bool stopping();

  Client& client_;
  Mailboxes& mailboxes_;
  const std::string origin_;
  const int64_t blind_us_;
  const int64_t patience_us_;
  const int64_t unled_limit_us_;
  Clock& clock_;
  obs::Gauge& sequence_;
  obs::Gauge& hearing_;
  obs::Counter& heard_;
  obs::Counter& gaps_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool ready_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool late_ STAMPEDE_GUARDED_BY(mutex_) = false;

  // Of the thread.
  std::unique_ptr<Consumer> consumer_;
  std::vector<Message> spent_;                                 // of the consumer, to be freed
  const EventPointer mark_ = std::make_shared<const Event>();  // in place of an event; see Sender
  Sequencer sequencer_;
  int64_t gap_again_us_ = INT64_MAX;
  uint64_t next_ = 0;           // in the stream; 0: no place yet
  uint64_t next_delivery_ = 0;  // of the consumer
  int64_t created_ = 0;
  int64_t last_time_ = 0;  // when the message before `next_` was stored
  uint64_t behind_at_ = 0;
  uint64_t waits_for_ = 0;  // `next_` when the stream was seen to have it; 0: it had not
  int64_t waits_since_us_ = 0;
  int64_t unled_seen_us_ = 0;   // when nobody led the stream at the last look; else 0
  int64_t unled_since_us_ = 0;  // the first of these looks
  int64_t waited_us_ = 0;       // when it last began to wait, or to take what was gathered
  int64_t contact_us_;          // when something was heard, or the stream was last looked at
  int64_t blind_since_us_;      // when it was last known that everything was heard
  int64_t next_warning_us_ = 0;
  std::thread thread_;
};

}  // namespace stampede::events::nats
