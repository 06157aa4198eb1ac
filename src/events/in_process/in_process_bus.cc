#include <memory>
#include <string>
#include <utility>

#include "events/bus.h"
#include "events/mailbox.h"

namespace stampede::events {
namespace {

// The bus of a server that is one process: a queue in RAM per subscriber. Nothing is ever missed,
// so OnGap is called only after a handler that threw.
class InProcessBus final : public Bus {
 public:
  explicit InProcessBus(size_t queue_max) : mailboxes_(queue_max) {}

  void Publish(std::shared_ptr<const Event> event) override { mailboxes_.Publish(event); }
  void Subscribe(std::string name, Subscriber* subscriber) override {
    mailboxes_.Subscribe(std::move(name), subscriber);
  }
  void Unsubscribe(Subscriber* subscriber) override { mailboxes_.Unsubscribe(subscriber); }
  bool WaitUntilHandled(Subscriber* subscriber, int64_t timeout_us) override {
    return mailboxes_.WaitUntilHandled(subscriber, timeout_us);
  }
  void Stop() override { mailboxes_.Stop(); }

 private:
  Mailboxes mailboxes_;
};

}  // namespace

std::unique_ptr<Bus> MakeInProcessBus(size_t queue_max) {
  return std::make_unique<InProcessBus>(queue_max);
}

}  // namespace stampede::events
