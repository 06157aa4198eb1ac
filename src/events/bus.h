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
};

// A committed action. `author` orders events: those of one author arrive in the order of commit.
// `touched` are the store keys that the action wrote, for record caches of other nodes.
struct Event {
  EventId id;
  EventKind kind;
  AccountId author;
  std::string payload;
  std::vector<std::string> touched;
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
    // The backlog is empty for now. For work that can wait, in small slices: true asks to be called
    // again, unless an event comes first.
    virtual bool OnIdle() { return false; }
  };

  // Returns when the event is queued for every local subscriber; blocks while a subscriber's queue
  // is full (limits::kEventQueueMax). Throws when the bus has stopped or cannot take the event:
  // then some subscribers may have heard it.
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
};

// `queue_max` bounds the events that one subscriber has not handled yet.
std::unique_ptr<Bus> MakeInProcessBus(size_t queue_max = limits::kEventQueueMax);

}  // namespace stampede::events
