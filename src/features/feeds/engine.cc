#include "features/feeds/engine.h"

#include "base/limits.h"
#include "features/feeds/merge.h"
#include "features/relationships/policy.h"
#include "features/relationships/records.pb.h"

namespace stampede::feeds {

namespace {

using events::EventKind;
using relationships::Visibility;
using statuses::OutboxRow;

// A page waits this long for the events before it; then it is answered from what is there.
constexpr int64_t kCatchUpUs = 2'000'000;

// Releases a mutex that the caller holds, for the length of a scope.
class MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) STAMPEDE_NO_ANALYSIS : mutex_(mutex) { mutex_.unlock(); }
  ~MutexUnlock() STAMPEDE_NO_ANALYSIS { mutex_.lock(); }

 private:
  Mutex& mutex_;
};

// The elements of both sorted ranges. Cost: the shorter length times the logarithm of the longer.
std::vector<uint32_t> Intersect(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  if (a.size() > b.size()) std::swap(a, b);
  std::vector<uint32_t> both;
  auto at = b.begin();
  for (uint32_t x : a) {
    at = std::lower_bound(at, b.end(), x);
    if (at == b.end()) break;
    if (*at == x) both.push_back(x);
  }
  return both;
}

}  // namespace

FeedEngine::FeedEngine(store::Store& store, relationships::RelationshipsService& relationships,
                       events::Bus& bus, Clock& clock, Random& random, obs::Metrics& metrics,
                       FeedOptions options)
    : store_(store),
      relationships_(relationships),
      bus_(bus),
      clock_(clock),
      random_(random),
      options_(options),
      rings_(options.entries_max),
      deliveries_(metrics.AddCounter("feed_deliveries_total", "Entries pushed into home feeds")),
      rebuilds_(metrics.AddCounter("feed_rebuilds_total", "Home feeds read from the store")) {
  bus_.Subscribe("feeds", this);
}

FeedEngine::~FeedEngine() { bus_.Unsubscribe(this); }

std::vector<FeedEntry> FeedEngine::Candidates(AccountId reader, const store::IdBounds& bounds,
                                              size_t limit, bool upwards) {
  bus_.WaitUntilHandled(this, kCatchUpUs);
  std::vector<FeedEntry> entries;
  uint64_t floor;
  {
    MutexLock lock(mutex_);
    Slot slot = Acquire(reader);
    feeds_[slot].read_us = clock_.MonotonicUs();
    floor = rings_.floor(slot);
    bool within = upwards ? bounds.lower >= floor : true;
    if (within) rings_.Read(slot, bounds, limit, upwards, entries);
    if (bounds.lower >= floor || entries.size() == limit) return entries;
  }
  // Beyond the ring's end the store goes on; upwards, the page starts there.
  ReaderFollows follows(reader, relationships_.AllFollowed(reader));
  store::IdBounds below{.lower = bounds.lower,
                        .upper = upwards ? bounds.upper : std::min(bounds.upper, floor + 1)};
  OutboxMerge merge(store_, follows, below, upwards, limit - entries.size());
  for (const FeedEntry& entry : merge.Next(limit - entries.size())) entries.push_back(entry);
  return entries;
}

void FeedEngine::DropAll() {
  MutexLock lock(mutex_);
  for (Slot slot = 0; slot < feeds_.size(); ++slot) {
    if (feeds_[slot].state == State::kReady)
      Drop(slot);
    else if (feeds_[slot].state == State::kBuilding)
      feeds_[slot].stale = true;
  }
}

FeedEngine::Stats FeedEngine::stats() const {
  MutexLock lock(mutex_);
  return {.feeds = slot_of_.size(),
          .bytes = bytes(),
          .deliveries = deliveries_.value(),
          .rebuilds = rebuilds_.value()};
}

void FeedEngine::OnEvent(const events::Event& event) {
  if (event.kind == EventKind::kStatusCreated) {
    OutboxRow row;
    if (!row.ParseFromString(event.payload)) return;
    MutexLock lock(mutex_);
    Deliver(row);
    while (PushSlice() && pushes_.size() > options_.pushes_max) {
      MutexUnlock unlock(mutex_);  // the readers' turn
    }
  } else if (event.kind == EventKind::kStatusDeleted) {
    statuses::StatusDeleted deleted;
    if (!deleted.ParseFromString(event.payload)) return;
    MutexLock lock(mutex_);
    Retract(AccountId(deleted.author()), deleted.id());
  } else if (event.kind == EventKind::kRelationChanged) {
    relationships::RelationChanged changed;
    if (!changed.ParseFromString(event.payload) || !changed.follow_changed()) return;
    MutexLock lock(mutex_);
    auto it = slot_of_.find(AccountId(changed.source()));
    if (it == slot_of_.end()) return;
    Feed& feed = feeds_[it->second];
    if (feed.state == State::kBuilding)
      feed.stale = true;
    else
      Drop(it->second);
  }
}

bool FeedEngine::OnIdle() {
  MutexLock lock(mutex_);
  const bool pushing = PushSlice();
  if (PurgeSlice()) return true;
  const int64_t rest_us = RestUs();
  if (pushing && rest_us > 0) rested_.WaitFor(mutex_, rest_us);
  return pushing;
}

// --- Readers ---

FeedEngine::Slot FeedEngine::Acquire(AccountId reader) {
  while (true) {
    auto it = slot_of_.find(reader);
    if (it == slot_of_.end()) {
      Slot slot = NewSlot(reader);
      if (!Build(slot)) continue;
      EvictOver(options_.bytes_max, slot);
      return slot;
    }
    if (feeds_[it->second].state == State::kReady) return it->second;
    built_.Wait(mutex_);  // somebody else is building it
  }
}

bool FeedEngine::Build(Slot slot) {
  AccountId reader = feeds_[slot].reader;
  std::vector<FeedEntry> entries;
  bool failed = false;
  std::exception_ptr error;
  try {
    // The follows are read after the slot can be found by OnEvent, so a change is either seen here or
    // marks the slot stale; the outboxes are read after the slot is watched, so a post is either seen
    // there or pushed.
    std::optional<ReaderFollows> follows;
    {
      MutexUnlock unlock(mutex_);
      follows.emplace(reader, relationships_.AllFollowed(reader));
    }
    Watch(slot, *follows);
    MutexUnlock unlock(mutex_);
    OutboxMerge merge(store_, *follows, {}, false, options_.rebuild_entries);
    entries = merge.Next(options_.rebuild_entries);
  } catch (...) {
    failed = true;
    error = std::current_exception();
  }
  Feed& feed = feeds_[slot];
  built_.NotifyAll();
  if (failed || feed.stale) {
    Drop(slot);
    if (failed) std::rethrow_exception(error);
    return false;
  }
  for (auto it = entries.rbegin(); it != entries.rend(); ++it) rings_.Insert(slot, *it);
  if (entries.size() == options_.rebuild_entries) rings_.RaiseFloor(slot, entries.back().id - 1);
  feed_bytes_ += BytesOf(feed);
  feed.state = State::kReady;
  rebuilds_.Add();
  return true;
}

FeedEngine::Slot FeedEngine::NewSlot(AccountId reader) {
  Slot slot;
  if (free_.empty()) {
    slot = static_cast<Slot>(feeds_.size());
    feeds_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  feeds_[slot] = {.reader = reader, .read_us = clock_.MonotonicUs(), .state = State::kBuilding};
  rings_.Open(slot);
  slot_of_[reader] = slot;
  return slot;
}

void FeedEngine::Watch(Slot slot, const ReaderFollows& follows) {
  auto watch = [&](AccountId author) STAMPEDE_NO_ANALYSIS -> Watchers& {
    auto [it, is_new] = author_index_.try_emplace(author, static_cast<uint32_t>(watchers_.size()));
    if (is_new) watchers_.emplace_back();
    Watchers& watchers = watchers_[it->second];
    // By an eighth, not twofold: nearly all of a reader's memory is in these lists.
    size_t size = watchers.slots.size();
    if (size == watchers.slots.capacity())
      watchers.slots.reserve(size + std::max<size_t>(4, size / 8));
    watchers.slots.push_back(slot);
    return watchers;
  };
  watch(follows.reader());
  for (const relationships::Followee& followee : follows.followed()) {
    Watchers& watchers = watch(followee.account);
    if (!followee.reblogs) {
      watchers.no_boosts.insert(std::ranges::lower_bound(watchers.no_boosts, slot), slot);
    }
    if (!followee.languages.empty()) watchers.languages.emplace_back(slot, followee.languages);
  }
  feeds_[slot].watched = static_cast<uint32_t>(follows.followed().size() + 1);
}

size_t FeedEngine::BytesOf(const Feed& feed) {
  constexpr size_t kMapEntry = 48;
  return sizeof(Feed) + kMapEntry + feed.watched * sizeof(Slot);
}

void FeedEngine::Drop(Slot slot) {
  Feed& feed = feeds_[slot];
  if (feed.state == State::kReady) feed_bytes_ -= BytesOf(feed);
  slot_of_.erase(feed.reader);
  feed = Feed{.state = State::kDead};
  rings_.Close(slot);
  dead_.push_back(slot);
}

void FeedEngine::EvictOver(size_t bytes_max, Slot keep) {
  // The least recently read of a few at random: nearly LRU, without a list to keep
  // (https://redis.io/docs/latest/develop/reference/eviction, approximated LRU).
  constexpr int kSample = 16;
  while (bytes() > bytes_max && slot_of_.size() > 1) {
    std::optional<Slot> oldest;
    for (int i = 0; i < kSample; ++i) {
      Slot slot = random_.Below(static_cast<uint32_t>(feeds_.size()));
      if (slot == keep || feeds_[slot].state != State::kReady) continue;
      if (!oldest || feeds_[slot].read_us < feeds_[*oldest].read_us) oldest = slot;
    }
    if (!oldest) return;
    Drop(*oldest);
  }
}

// --- Pushing ---

void FeedEngine::Deliver(const OutboxRow& row) {
  FeedEntry entry = EntryOf(row);
  Watchers* watchers = WatchersOf(AccountId(row.author()));  // whose own feed is among them
  if (!watchers) return;
  bool plain = row.visibility() != static_cast<int>(Visibility::kDirect) &&
               (!row.in_reply_to_id() || row.in_reply_to_account() == row.author()) &&
               (!row.reblog_of() || watchers->no_boosts.empty()) && watchers->languages.empty();
  if (plain && watchers->slots.size() <= options_.slice_slots)
    return Insert(watchers->slots, entry);
  // Who is not a recipient of their own reply, and who would be late in a list that is pushed in turns.
  if (auto own = SlotOf(row.author())) Insert({&*own, 1}, entry);
  std::vector<Slot> slots = plain ? watchers->slots : Recipients(*watchers, row);
  if (slots.size() <= options_.slice_slots) return Insert(slots, entry);
  pushes_.push_back({.entry = entry, .slots = std::move(slots)});
}

std::vector<FeedEngine::Slot> FeedEngine::Recipients(Watchers& watchers, const OutboxRow& row) {
  if (row.visibility() == static_cast<int>(Visibility::kDirect)) {
    std::vector<Slot> mentioned;
    for (uint64_t account : row.mentions()) {
      if (auto slot = SlotOf(account)) mentioned.push_back(*slot);
    }
    std::ranges::sort(mentioned);
    return Intersect(mentioned, SortedSlots(watchers));
  }
  std::vector<Slot> slots;
  if (row.in_reply_to_id() && row.in_reply_to_account() != row.author()) {
    // Who follows both sides; the answered one watches itself.
    Watchers* parents = WatchersOf(AccountId(row.in_reply_to_account()));
    if (!parents) return {};
    slots = Intersect(SortedSlots(watchers), SortedSlots(*parents));
  } else {
    slots = watchers.slots;
  }
  if (row.reblog_of()) {
    std::erase_if(slots,
                  [&](Slot slot) { return std::ranges::binary_search(watchers.no_boosts, slot); });
  }
  for (const auto& [chooser, languages] : watchers.languages) {
    if (!AllowsLanguage(languages, row.language())) std::erase(slots, chooser);
  }
  return slots;
}

void FeedEngine::Retract(AccountId author, uint64_t id) {
  for (Push& push : pushes_) {
    if (push.entry.id == id) push.next = push.slots.size();
  }
  Watchers* watchers = WatchersOf(author);
  if (!watchers) return;
  for (Slot slot : watchers->slots) {
    rings_.Remove(slot, id);
    Feed& feed = feeds_[slot];
    if (feed.state == State::kBuilding) feed.stale = true;  // it may have been read already
  }
}

void FeedEngine::Insert(std::span<const Slot> slots, FeedEntry entry) {
  deliveries_.Add(rings_.InsertAll(slots, entry));
}

bool FeedEngine::PushSlice() {
  if (pushes_.empty()) return false;
  const int64_t begin_us = clock_.MonotonicUs();
  const bool too_many = pushes_.size() > options_.pushes_max;
  auto next = std::ranges::find_if(
      pushes_, [&](const Push& push) { return too_many || push.rests_until_us <= begin_us; });
  if (next == pushes_.end()) return true;
  Push push = std::move(*next);
  pushes_.erase(next);
  size_t count = std::min(options_.slice_slots, push.slots.size() - push.next);  // 0: retracted
  Insert(std::span(push.slots).subspan(push.next, count), push.entry);
  push.next += count;
  if (push.next < push.slots.size()) {  // the others' turn
    const int64_t end_us = clock_.MonotonicUs();
    if (push.slots.size() > options_.restless_slots)
      push.rests_until_us = end_us + std::min(end_us - begin_us, kRestUsMax);
    pushes_.push_back(std::move(push));
  }
  return !pushes_.empty();
}

int64_t FeedEngine::RestUs() const {
  const auto first = std::ranges::min_element(pushes_, {}, &Push::rests_until_us);
  return first == pushes_.end() ? 0 : first->rests_until_us - clock_.MonotonicUs();
}

const std::vector<FeedEngine::Slot>& FeedEngine::SortedSlots(Watchers& watchers) {
  if (watchers.sorted < watchers.slots.size()) {
    auto tail = watchers.slots.begin() + static_cast<ptrdiff_t>(watchers.sorted);
    std::sort(tail, watchers.slots.end());
    std::vector<Slot> merged(watchers.slots.size());
    std::merge(watchers.slots.begin(), tail, tail, watchers.slots.end(), merged.begin());
    watchers.slots = std::move(merged);
    watchers.sorted = watchers.slots.size();
  }
  return watchers.slots;
}

FeedEngine::Watchers* FeedEngine::WatchersOf(AccountId author) {
  auto it = author_index_.find(author);
  return it == author_index_.end() ? nullptr : &watchers_[it->second];
}

std::optional<FeedEngine::Slot> FeedEngine::SlotOf(uint64_t account) {
  auto it = slot_of_.find(AccountId(account));
  if (it == slot_of_.end()) return std::nullopt;
  return it->second;
}

bool FeedEngine::PurgeSlice() {
  // Worth a walk over all lists only when many slots are dead; and a slot that a push under way
  // still names must not get a new reader.
  constexpr size_t kDeadMin = 256;
  constexpr size_t kEntriesPerSlice = 64 * 1024;
  if (!pushes_.empty()) return false;
  if (purging_.empty()) {
    if (dead_.size() < std::max(kDeadMin, slot_of_.size() / 8)) return false;
    purging_.swap(dead_);
    purge_next_ = 0;
  }
  // A slot that died during the walk is taken out of some lists only; that is no matter, since the
  // next walk does it again before the slot is used.
  auto is_dead = [this](Slot slot)
                     STAMPEDE_NO_ANALYSIS { return feeds_[slot].state == State::kDead; };
  for (size_t entries = 0; entries < kEntriesPerSlice && purge_next_ < watchers_.size();) {
    Watchers& watchers = watchers_[purge_next_++];
    entries += watchers.slots.size() + 1;
    auto sorted_end = watchers.slots.begin() + static_cast<ptrdiff_t>(watchers.sorted);
    watchers.sorted -=
        static_cast<size_t>(std::count_if(watchers.slots.begin(), sorted_end, is_dead));
    std::erase_if(watchers.slots, is_dead);
    std::erase_if(watchers.no_boosts, is_dead);
    std::erase_if(watchers.languages, [&](const auto& chosen) { return is_dead(chosen.first); });
  }
  if (purge_next_ < watchers_.size()) return true;
  for (Slot slot : purging_) feeds_[slot].state = State::kFree;
  free_.insert(free_.end(), purging_.begin(), purging_.end());
  purging_.clear();
  return false;
}

}  // namespace stampede::feeds
