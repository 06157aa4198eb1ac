#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/bus.h"
#include "events/nats/client.h"
#include "obs/metrics.h"

namespace stampede::events::nats {

// Headers of a message of the stream, besides its id.
inline constexpr const char* kOriginHeader = "Stampede-Node";    // who published it
inline constexpr const char* kNumberHeader = "Stampede-Number";  // of this origin: 1, 2, 3 ...
// The event is too large for NATS: the message says only that there was one.
inline constexpr const char* kGapHeader = "Stampede-Gap";
// No event, only a number: see Sender::kMarks.
inline constexpr const char* kMarkHeader = "Stampede-Mark";

// What this process has published and the stream has not acknowledged: an ordered queue in memory
// and a thread that works it off. Thread-safe. Messages are sent in order, a window of them ahead of
// the acknowledgements; after a new connection, a refusal or a long silence they are sent again from
// the first one that is missing. The stream drops those it has; it may have got some before older
// ones, which the number tells the receivers.
//
// A stream may lose what it has acknowledged: its servers were killed together, and the one that
// leads afterwards had less than the others. Receivers see that by the numbers of what comes next.
// So that something does, a Sender that has nothing more to say sends a few messages without an
// event.
class Sender {
 public:
  // How many, and how long after the last acknowledgement each.
  static constexpr int kMarks = 2;
  static constexpr int64_t kMarkAfterUs = 2'000'000;

  Sender(Client& client, std::string origin, size_t events_max, Clock& clock, Random& random,
         obs::Metrics& metrics);
  ~Sender();

  // Never waits for NATS. What exceeds the bounds is forgotten.
  void Send(const Event& event);
  // Whether what is sent now is likely to arrive soon.
  bool reachable();
  void SetAcknowledgements(Bus::Acknowledgements* hooks);
  // There is a new connection: what was under way may be lost.
  void Resend();
  // Waits, not for long, until everything is acknowledged, then ends the thread.
  void Stop();

 private:
  struct Unacknowledged {
    EventId id;                                // of a mark: none
    std::shared_ptr<const std::string> bytes;  // of a mark: empty
    int64_t sent_us = 0;                       // 0: not under way
  };
  struct Outgoing {
    uint64_t number;
    std::shared_ptr<const std::string> bytes;
  };

  void Work();
  bool Remember(EventId id, std::shared_ptr<const std::string> bytes) STAMPEDE_REQUIRES(mutex_);
  void Enqueue(EventId id, std::shared_ptr<const std::string> bytes) STAMPEDE_REQUIRES(mutex_);
  void MarkIfQuiet(int64_t now_us) STAMPEDE_REQUIRES(mutex_);
  std::vector<Outgoing> NextToSend() STAMPEDE_REQUIRES(mutex_);
  // The thread has something to do. To be notified without the lock it would take at once.
  bool MustWake() STAMPEDE_REQUIRES(mutex_);
  void ResendIfSilent(int64_t now_us) STAMPEDE_REQUIRES(mutex_);
  void SendOne(const Outgoing& outgoing);
  void OnAnswer(natsMsg* message);
  void OnRefusal(uint64_t number);
  void ResendAll() STAMPEDE_REQUIRES(mutex_);

  Client& client_;
  const std::string origin_;
  const size_t events_max_;
  Clock& clock_;
  const std::string inbox_;  // answers come to it, with the number appended
  obs::Gauge& waiting_;

  Mutex mutex_;
  CondVar wake_;     // the thread
  CondVar emptied_;  // who stops
  // Whether the thread waits and nobody has woken it. A wake-up costs more than what it is for.
  bool asleep_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::map<uint64_t, Unacknowledged> queue_ STAMPEDE_GUARDED_BY(mutex_);
  uint64_t next_number_ STAMPEDE_GUARDED_BY(mutex_) = 1;
  uint64_t next_to_send_ STAMPEDE_GUARDED_BY(mutex_) = 1;  // all before it are under way or done
  size_t under_way_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  size_t bytes_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  int64_t not_before_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  int64_t progress_us_ STAMPEDE_GUARDED_BY(mutex_) = 0;  // last answer, or last time nothing waited
  int marks_due_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  bool forgotten_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  Mutex hooks_mutex_;
  Bus::Acknowledgements* hooks_ STAMPEDE_GUARDED_BY(hooks_mutex_) = nullptr;

  std::thread thread_;
  std::unique_ptr<Listener> answers_;
};

}  // namespace stampede::events::nats
