#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/limits.h"

namespace stampede::events {

// What happened. Stored and sent: numbers never change meaning.
enum class EventKind : uint16_t {
  kStatusCreated = 1,        // payload: statuses.StatusCreated
  kStatusDeleted = 2,        // payload: statuses.StatusDeleted
  kRelationChanged = 3,      // payload: relationships.RelationChanged
  kAccountChanged = 4,       // payload: none; `author` is the account
  kInteraction = 5,          // payload: none; only invalidates caches
  kNotificationCreated = 6,  // payload: notifications.NotificationCreated
  kRecordsChanged = 7,       // no payload, no author: an action that announced nothing itself
};

// A committed action. `author` orders events: those of one author arrive in the order of commit.
// `touched` are the store keys that the action wrote, for record caches of other nodes.
struct Event {
  EventId id;
  EventKind kind;
  AccountId author;
  std::string payload;
  std::vector<std::string> touched;
  // Whether another process committed it, as far as is known: then this one's record cache may hold
  // what was before. Belongs to the delivery: not encoded.
  bool foreign = false;
};

// Serialised form, for the outbox and for the wire. Decode throws std::runtime_error on bad bytes.
std::string EncodeEvent(const Event& event);
Event DecodeEvent(std::string_view bytes);

// Announces committed actions to every node. Thread-safe. At least once, in order per author, so
// handlers are idempotent. Local subscribers hear local events too.
class Bus {
 public:
  virtual ~Bus() = default;

  class Subscriber {
   public:
    virtual ~Subscriber() = default;
    // Called on one thread of the bus at a time per subscriber. Must not throw (if it does, the bus
    // logs it and calls OnGap), and must not publish, hence not commit an action that announces: it
    // could wait for room in its own queue.
    virtual void OnEvent(const Event& event) = 0;
    // Events may have been missed: drop whatever they would have changed.
    virtual void OnGap() = 0;
    // The bus cannot hear other processes, and has not for limits::kEventBlindMs, or still not after
    // as long again: what they touch meanwhile is unknown until it is back and replays, or reports a
    // gap. For who must not be older than that.
    virtual void OnBlind() {}
    // The backlog is empty for now. For work that can wait, in small slices: true asks to be called
    // again, unless an event comes first.
    virtual bool OnIdle() { return false; }
    // True for who cares only about what other processes committed, and is quick, and waits for
    // nothing: it is told by the thread that hears or announces them, before the others are. Asked once.
    virtual bool only_foreign() const { return false; }
  };

  // Returns when the event is queued for every local subscriber; blocks while a subscriber's queue
  // is full (limits::kEventQueueMax), never for other processes. Throws when the bus has stopped or
  // cannot take the event: then some subscribers may have heard it.
  virtual void Publish(std::shared_ptr<const Event> event) = 0;
  // Events published from now on. `name` is for logs and metrics. The subscriber outlives the bus
  // or calls Unsubscribe, which waits for a call under way and drops what is queued. Both not from
  // within a handler.
  virtual void Subscribe(std::string name, Subscriber* subscriber) = 0;
  virtual void Unsubscribe(Subscriber* subscriber) = 0;
  // Waits until the subscriber has handled everything that this node had published before the call,
  // or until `timeout_us` has passed (then false). Cheap when there is nothing to wait for. OnIdle
  // is not waited for.
  virtual bool WaitUntilHandled(Subscriber* subscriber, int64_t timeout_us) = 0;
  // Delivers what is queued, then stops. No Publish after it.
  virtual void Stop() = 0;

  // Whether other processes hear the events too. Then an event is announced not when Publish
  // returns but when it is acknowledged; until then its outbox row stays.
  virtual bool shared() const { return false; }
  // Whether an event published now would be on its way. False: it waits in memory or is forgotten.
  virtual bool reachable() const { return true; }
  // What a shared bus tells the outbox, on a thread of its own. The calls are quick, do not throw
  // and do not publish.
  class Acknowledgements {
   public:
    virtual ~Acknowledgements() = default;
    // Every process will hear the event.
    virtual void OnAcknowledged(EventId event) = 0;
    // The bus was away for so long that it forgot events, and is back.
    virtual void OnForgotten() = 0;
  };
  // One at a time; null for none, which waits for a call under way.
  virtual void SetAcknowledgements(Acknowledgements*) {}

  // Says something to all other processes that listen right now; nothing is kept or repeated.
  // At most limits::kBroadcastBytesMax. Never blocks. `topic` is a short name of letters.
  virtual void Broadcast(std::string_view /*topic*/, std::string_view /*bytes*/) {}
  using Heard = std::function<void(std::string_view bytes)>;
  // Called on a thread of the bus, until it stops. Before the first Broadcast.
  virtual void OnBroadcast(std::string /*topic*/, Heard) {}
};

// `queue_max` bounds the events that one subscriber has not handled yet.
std::unique_ptr<Bus> MakeInProcessBus(size_t queue_max = limits::kEventQueueMax);

}  // namespace stampede::events
