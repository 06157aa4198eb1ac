#include "events/committer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/signal.h"
#include "events/keys.h"
#include "events/outbox.h"
#include "events/records.pb.h"
#include "obs/log.h"

namespace stampede::events {
namespace {

constexpr size_t kStripes = 1024;

// The keys of cached records that the batch writes.
std::vector<std::string> TouchedRecords(const store::Batch& batch) {
  std::vector<std::string> touched;
  for (const auto& write : batch.writes()) {
    const store::Table* table = store::TableOf(write.key);
    if (table == nullptr || table->access() != store::Access::kRecord) continue;
    // A range has no keys to drop from the caches; erase records one by one.
    STAMPEDE_CHECK(write.kind != store::Batch::Kind::kEraseRange);
    touched.push_back(write.key);
  }
  return touched;
}

}  // namespace

void Action::Announce(EventKind kind, AccountId author, std::string payload) {
  events_.push_back({kind, author, std::move(payload)});
}

void Action::Enqueue(std::string_view kind, Partition where, std::string payload, int64_t due_ms) {
  jobs_.push_back({std::string(kind), where, std::move(payload), due_ms});
}

struct Committer::Impl {
  Impl(store::Store& s, store::Records& r, Bus& b, IdGenerator& i, Clock& c)
      : store(s),
        records(r),
        bus(b),
        ids(i),
        clock(c),
        keeps_outbox(b.shared() || s.remote()),
        outbox(s, b, c) {}

  // An action that announces nothing but changed cached records: other processes must hear that.
  void AnnounceTouched(Action& action, const std::vector<std::string>& touched) {
    if (touched.empty() || !action.events_.empty() || !bus.shared()) return;
    // No author; the partition of what changed, so that no other one is drawn into the commit.
    auto nobody = AccountId::Make(0, store::PartitionOfKey(touched.front()), 0);
    action.Announce(EventKind::kRecordsChanged, nobody, {});
  }

  // What a commit adds to the action's own batch.
  struct Rows {
    struct Job {
      std::string key;
      std::string kind;  // the callback outlives the action
      int64_t due_ms;
    };
    std::vector<std::string> touched;
    std::vector<std::shared_ptr<const Event>> events;
    std::vector<Job> jobs;
  };

  // Holds the stripes of all authors of an action, so that the commits of one author reach the bus
  // in the order in which they reach the store. Only actions that announce pay for it, and only
  // those of one author wait for each other.
  class AuthorLocks {
   public:
    AuthorLocks(Impl& impl, const Action& action) STAMPEDE_NO_ANALYSIS : impl_(impl) {
      for (const auto& event : action.events_) {
        stripes_.push_back(std::hash<AccountId>()(event.author) % kStripes);
      }
      std::ranges::sort(stripes_);  // one order for everybody: no deadlock
      stripes_.erase(std::unique(stripes_.begin(), stripes_.end()), stripes_.end());
      for (size_t stripe : stripes_) impl_.authors[stripe].lock();
    }
    ~AuthorLocks() STAMPEDE_NO_ANALYSIS {
      for (size_t stripe : stripes_) impl_.authors[stripe].unlock();
    }
    AuthorLocks(const AuthorLocks&) = delete;
    AuthorLocks& operator=(const AuthorLocks&) = delete;

   private:
    Impl& impl_;
    std::vector<size_t> stripes_;
  };

  Rows AddRows(Action& action) {
    Rows rows;
    rows.touched = TouchedRecords(action.batch);
    AnnounceTouched(action, rows.touched);
    for (auto& event : action.events_) {
      auto id = ids.Next<EventId>(event.author.partition());
      rows.events.push_back(std::make_shared<const Event>(
          Event{id, event.kind, event.author, std::move(event.payload), rows.touched}));
      if (!keeps_outbox) continue;
      // Another process may draw the same id.
      action.batch.ExpectAbsent(OutboxKey(id));
      action.batch.Put(OutboxKey(id), EncodeEvent(*rows.events.back()));
    }
    const int64_t now_ms = clock.NowMs();
    for (auto& job : action.jobs_) {
      int64_t due_ms = job.due_ms > 0 ? job.due_ms : now_ms;
      std::string key = JobKey(job.where, due_ms, ids.Next<JobId>(job.where));
      proto::JobRecord record;
      record.set_kind(job.kind);
      record.set_payload(std::move(job.payload));
      record.set_enqueued_ms(now_ms);
      action.batch.ExpectAbsent(key);
      action.batch.Put(key, record.SerializeAsString());
      rows.jobs.push_back({std::move(key), job.kind, due_ms});
    }
    return rows;
  }

  // The commit stands whatever the bus says: what it refuses stays in the outbox for the sweeper.
  void Publish(const Rows& rows) {
    std::vector<std::string> announced;
    for (const auto& event : rows.events) {
      try {
        bus.Publish(event);
        announced.push_back(OutboxKey(event->id));
      } catch (const std::exception& error) {
        obs::Log(obs::LogLevel::kWarn, "cannot announce an event",
                 {{"event", event->id.ToString()}, {"error", error.what()}});
      }
    }
    // A bus that is shared acknowledges them itself.
    if (!announced.empty() && keeps_outbox && !bus.shared()) outbox.Announced(std::move(announced));
  }

  void WakeWorkers(const Rows& rows) {
    std::shared_ptr<const JobHook> hook;
    {
      MutexLock lock(hook_mutex);
      hook = job_hook;
    }
    if (!hook || !*hook) return;
    for (const Rows::Job& job : rows.jobs) (*hook)(job.key, job.kind, job.due_ms);
  }

  store::Store& store;
  store::Records& records;
  Bus& bus;
  IdGenerator& ids;
  Clock& clock;
  // Whether events go into the outbox. With the store and all who listen in this process there is
  // nobody who could have missed one: a crash ends them too, and what they hold is rebuilt.
  const bool keeps_outbox;
  Outbox outbox;
  std::array<Mutex, kStripes> authors;
  Mutex hook_mutex;
  std::shared_ptr<const JobHook> job_hook STAMPEDE_GUARDED_BY(hook_mutex);
};

Committer::Committer(store::Store& store, store::Records& records, Bus& bus, IdGenerator& ids,
                     Clock& clock)
    : impl_(std::make_unique<Impl>(store, records, bus, ids, clock)) {}
Committer::~Committer() { Stop(); }

bool Committer::Commit(Action& action) {
  if (action.empty()) return true;
  Impl::AuthorLocks locks(*impl_, action);
  Impl::Rows rows = impl_->AddRows(action);
  if (!impl_->records.CommitSoon(action.batch)) return false;
  if (rows.events.empty() && rows.jobs.empty()) return true;
  impl_->store.WhenDurable(
      [impl = impl_.get(), rows = std::move(rows)](const std::exception_ptr& failure) {
        // What is not durable is not announced to others. If it is in the store after all, the sweeps
        // find it. In this process everybody reads it already.
        if (!failure || !impl->keeps_outbox) impl->Publish(rows);
        if (!failure && !rows.jobs.empty()) impl->WakeWorkers(rows);
      });
  return true;
}

void Committer::OnJob(JobHook hook) {
  auto shared = std::make_shared<const JobHook>(std::move(hook));
  MutexLock lock(impl_->hook_mutex);
  impl_->job_hook = std::move(shared);
}

void Committer::Start() {
  if (impl_->keeps_outbox) impl_->outbox.Start();
}
void Committer::Settle() {
  Signal settled;
  impl_->store.WhenDurable([&](const std::exception_ptr&) { settled.Set(); });
  settled.Wait();
}
void Committer::Stop() {
  Settle();
  impl_->outbox.Stop();
}

store::Store& Committer::store() { return impl_->store; }
store::Records& Committer::records() { return impl_->records; }
IdGenerator& Committer::ids() { return impl_->ids; }
Clock& Committer::clock() { return impl_->clock; }

}  // namespace stampede::events
