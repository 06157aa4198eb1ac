#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "events/bus.h"
#include "features/feeds/policy.h"
#include "features/feeds/rings.h"
#include "obs/metrics.h"

namespace stampede::feeds {

struct FeedOptions {
  size_t bytes_max = 128 * 1024 * 1024;  // rings and watch lists together; the least read go first
  size_t rebuild_entries = 100;          // how much of a feed is read from the store at first
  size_t entries_max = limits::kFeedEntriesMax;  // how much of it is kept
  // A post by somebody with more watchers than this is pushed in slices of it, between other posts.
  size_t slice_slots = 8192;
  // A push to more than this rests after each slice for as long as the slice took, so that one to
  // everybody leaves the processors to requests for half of the time. Others go on meanwhile.
  size_t restless_slots = 256 * 1024;
  // At most so many pushes in slices wait, each with a copy of a watch list; then events do, and who
  // publishes, as for any event (Bus).
  size_t pushes_max = 64;
};

// The home feeds of this node's active readers, in RAM: pushed by the events, rebuilt from the store
// when absent. A cache: dropping any feed at any time changes no answer. Thread-safe.
//
// `watchers` of an author are the slots of the feeds that their posts go to. Everything is behind
// one mutex, held for a slice of a push (slice_slots inserts) or the copying of a page at a time;
// the store is read without it. While a feed is being rebuilt it already receives events, and since
// a ring takes entries in any order and any number of times, nothing is missed or doubled.
class FeedEngine final : public events::Bus::Subscriber {
 public:
  FeedEngine(store::Store& store, relationships::RelationshipsService& relationships,
             events::Bus& bus, Clock& clock, Random& random, obs::Metrics& metrics,
             FeedOptions options);
  ~FeedEngine() override;

  // The candidates of the reader's home within the bounds, at most `limit`: newest first, or,
  // `upwards`, oldest first. From the ring as far as it reaches, then from the store. Sees all that
  // this node had committed before the call. One round trip to the store at most when the feed is
  // resident and the page within it; a rebuild costs the round trips of OutboxMerge.
  std::vector<FeedEntry> Candidates(AccountId reader, const store::IdBounds& bounds, size_t limit,
                                    bool upwards);

  // Forgets every feed, as a restart does.
  void DropAll();

  struct Stats {
    size_t feeds = 0;
    size_t bytes = 0;
    uint64_t deliveries = 0;  // entries pushed into a feed
    uint64_t rebuilds = 0;
  };
  Stats stats() const;

  void OnEvent(const events::Event& event) override;
  void OnGap() override { DropAll(); }
  bool OnIdle() override;

 private:
  using Slot = FeedRings::Slot;
  // Events wait for the end of a rest, and a slice may have taken long because the machine stopped.
  static constexpr int64_t kRestUsMax = 1'000;

  enum class State : uint8_t { kFree, kBuilding, kReady, kDead };
  // What a push does not touch; the entries are in the ring of the same slot, open while the feed is
  // being built or ready.
  struct Feed {
    AccountId reader;
    int64_t read_us = 0;   // when it was last read
    uint32_t watched = 0;  // how many authors' lists hold this slot, for the byte count
    State state = State::kFree;
    bool stale = false;  // what it is being built from has changed meanwhile
  };

  // Whose feeds an author's posts go to. The first `sorted` slots are sorted; new ones are appended
  // and sorted in when an intersection needs it.
  struct Watchers {
    std::vector<Slot> slots;
    size_t sorted = 0;
    std::vector<Slot> no_boosts;                                       // sorted
    std::vector<std::pair<Slot, std::vector<std::string>>> languages;  // those who chose some
  };

  // A push that goes on in slices. The slots are a copy, so that the lists may change meanwhile.
  struct Push {
    FeedEntry entry;
    std::vector<Slot> slots;
    size_t next = 0;
    int64_t rests_until_us = 0;
  };

  // Returns once the reader's feed is ready, rebuilding it if need be.
  Slot Acquire(AccountId reader) STAMPEDE_REQUIRES(mutex_);
  // Fills the feed from the store; the mutex is released meanwhile. False: the reader's follows
  // changed under it, and the slot is dead.
  bool Build(Slot slot) STAMPEDE_REQUIRES(mutex_);
  static size_t BytesOf(const Feed& feed);
  size_t bytes() const STAMPEDE_REQUIRES(mutex_) { return feed_bytes_ + rings_.bytes(); }
  Slot NewSlot(AccountId reader) STAMPEDE_REQUIRES(mutex_);
  void Watch(Slot slot, const ReaderFollows& follows) STAMPEDE_REQUIRES(mutex_);
  void Drop(Slot slot) STAMPEDE_REQUIRES(mutex_);
  void EvictOver(size_t bytes_max, Slot keep) STAMPEDE_REQUIRES(mutex_);

  void Deliver(const statuses::OutboxRow& row) STAMPEDE_REQUIRES(mutex_);
  // Takes a deleted post out again: hidden it is anyway, but boosts are judged among the candidates.
  void Retract(AccountId author, uint64_t id) STAMPEDE_REQUIRES(mutex_);
  Watchers* WatchersOf(AccountId author) STAMPEDE_REQUIRES(mutex_);
  std::optional<Slot> SlotOf(uint64_t account) STAMPEDE_REQUIRES(mutex_);
  // Those of the author's watchers whose follow wants the post: ReaderFollows::Wants, seen from the
  // other side.
  std::vector<Slot> Recipients(Watchers& watchers, const statuses::OutboxRow& row)
      STAMPEDE_REQUIRES(mutex_);
  const std::vector<Slot>& SortedSlots(Watchers& watchers) STAMPEDE_REQUIRES(mutex_);
  void Insert(std::span<const Slot> slots, FeedEntry entry) STAMPEDE_REQUIRES(mutex_);
  // Whether there is more to push. Does nothing while all pushes rest.
  bool PushSlice() STAMPEDE_REQUIRES(mutex_);
  // How long all pushes rest from now on; 0 or less: not all do.
  int64_t RestUs() const STAMPEDE_REQUIRES(mutex_);
  // Takes dead slots out of the watch lists, some lists at a time; only then they are used again.
  bool PurgeSlice() STAMPEDE_REQUIRES(mutex_);

  store::Store& store_;
  relationships::RelationshipsService& relationships_;
  events::Bus& bus_;
  Clock& clock_;
  Random& random_;
  const FeedOptions options_;

  mutable Mutex mutex_;
  CondVar built_;
  CondVar rested_;                                      // time ends it, nobody else
  std::deque<Feed> feeds_ STAMPEDE_GUARDED_BY(mutex_);  // by slot
  FeedRings rings_ STAMPEDE_GUARDED_BY(mutex_);
  std::unordered_map<AccountId, Slot> slot_of_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<Slot> free_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<Slot> dead_ STAMPEDE_GUARDED_BY(mutex_);
  std::unordered_map<AccountId, uint32_t> author_index_ STAMPEDE_GUARDED_BY(mutex_);
  std::deque<Watchers> watchers_ STAMPEDE_GUARDED_BY(mutex_);  // by author index
  std::deque<Push> pushes_ STAMPEDE_GUARDED_BY(mutex_);
  std::vector<Slot> purging_ STAMPEDE_GUARDED_BY(mutex_);
  size_t purge_next_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  size_t feed_bytes_ STAMPEDE_GUARDED_BY(mutex_) = 0;  // of those that are ready, but the rings
  obs::Counter& deliveries_;
  obs::Counter& rebuilds_;
};

}  // namespace stampede::feeds
