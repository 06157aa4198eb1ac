#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/bus.h"
#include "events/turns.h"
#include "store/store.h"

namespace stampede::events {

// The far end of the transactional outbox: erases the rows of announced events, and announces rows
// that nobody has. Thread-safe. One background thread between Start and Stop:
//   - twice a second it erases the rows of announced events, in relaxed batches: a row that a crash
//     brings back is announced once more, which handlers must bear anyway. On a bus that other
//     processes share, an event is announced when the bus has acknowledged it;
//   - at the start, shortly after, and then at a slow pace it looks through all partitions for rows
//     older than kUnannouncedMs. Their process died, or the bus refused or forgot them. Such events
//     come late: after younger ones of their author. Any number of processes may sweep one store;
//     those that share a bus take turns, and each sweeps at once when its bus has forgotten events.
class Outbox final : public Bus::Acknowledgements {
 public:
  // How old a row must be before somebody other than the process that wrote it announces it.
  static constexpr int64_t kUnannouncedMs = 10'000;

  Outbox(store::Store& store, Bus& bus, Clock& clock);
  ~Outbox() override;

  // The outbox rows at `keys` are on the bus and may go. Never throws, seldom blocks.
  void Announced(std::vector<std::string> keys);
  void Start();
  // Erases what was announced, and ends the thread.
  void Stop();

  void OnAcknowledged(EventId event) override;
  void OnForgotten() override;

 private:
  void Work();
  void Flush();
  void SweepIfDue();
  bool IsOurTurn();
  void Sweep();
  void SweepSlice(unsigned first, int64_t before_ms);
  // Waits until the bus has room for more; false, for another round, when it has none for long.
  bool AwaitRoom();
  void AnnounceAll(const std::vector<store::Row>& rows, store::Batch* erasures);
  bool stopping();

  store::Store& store_;
  Bus& bus_;
  Clock& clock_;
  Turns turns_;

  Mutex mutex_;
  CondVar wake_;
  std::vector<std::string> announced_ STAMPEDE_GUARDED_BY(mutex_);
  bool stopping_ STAMPEDE_GUARDED_BY(mutex_) = false;
  bool running_ STAMPEDE_GUARDED_BY(mutex_) = false;
  // Rounds to make soon, whoever's turn it is.
  int urgent_rounds_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  std::thread thread_;

  // Of the background thread.
  int64_t next_sweep_us_ = 0;
};

}  // namespace stampede::events
