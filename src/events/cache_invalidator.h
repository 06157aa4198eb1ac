#pragma once

#include "events/bus.h"
#include "store/records.h"

namespace stampede::events {

// Keeps the record cache of this process honest about what other processes write: drops what their
// events touched, and everything when events were missed. While the bus is away, what is cached may
// be stale for limits::kEventBlindMs at most. That is never more than a stale view: commits carry
// their expectations to the store. Subscribed for its own lifetime; does nothing on a bus that
// nobody shares.
class CacheInvalidator final : public Bus::Subscriber {
 public:
  CacheInvalidator(Bus& bus, store::Records& records) : bus_(bus), records_(records) {
    if (bus_.shared()) bus_.Subscribe("record_cache", this);
  }
  ~CacheInvalidator() override {
    if (bus_.shared()) bus_.Unsubscribe(this);
  }

  // The commits of this process have left their own values.
  bool only_foreign() const override { return true; }
  void OnEvent(const Event& event) override {
    if (event.foreign) records_.Invalidate(event.touched);
  }
  void OnGap() override { records_.Clear(); }
  void OnBlind() override { records_.Clear(); }

 private:
  Bus& bus_;
  store::Records& records_;
};

}  // namespace stampede::events
