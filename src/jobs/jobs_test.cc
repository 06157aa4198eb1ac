#include "jobs/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "events/keys.h"
#include "events/records.pb.h"
#include "events/test_support.h"

namespace stampede::jobs {
namespace {

using events::Action;
using events::testing::Engine;
using events::testing::Eventually;
using events::testing::FaultyStore;
using events::testing::Gate;
using events::testing::Node;
using store::testing::RecordKey;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLongMs = 20'000;

// A node that also runs jobs.
struct Worker {
  Worker(store::Store& store, Clock& clock, Sharing sharing = Sharing::kManyProcesses)
      : node(store, clock), runner(node.committer, node.random, metrics, sharing) {}
  ~Worker() { runner.Stop(); }

  bool Idle() { return runner.WaitUntilIdle(kLongMs); }

  Node node;
  obs::Metrics metrics;
  JobRunner runner;
};

class JobRunnerTest : public ::testing::TestWithParam<std::string> {
 protected:
  store::Store& store() { return *engine_.store; }

  void Enqueue(Node& node, std::string_view kind, int count, int64_t due_ms = 0) {
    node.committer.Run([&](Action& action) {
      for (int i = 0; i < count; ++i) {
        action.Enqueue(kind, static_cast<Partition>(i % 8), std::to_string(i), due_ms);
      }
    });
  }
  void Enqueue(std::string_view kind, int count, int64_t due_ms = 0) {
    Node node(store(), clock_);
    Enqueue(node, kind, count, due_ms);
  }
  std::vector<events::proto::JobRecord> Rows() {
    std::vector<events::proto::JobRecord> rows;
    for (unsigned p = 0; p < 8; ++p) {
      auto range = events::JobRange(static_cast<Partition>(p), INT64_MAX);
      for (const auto& row : store().Scan({range, limits::kScanRowsMax})) {
        rows.emplace_back().ParseFromString(row.value);
      }
    }
    return rows;
  }
  int64_t Count() { return store::DecodeCounter(store().Get(RecordKey(1))); }
  // The handler whose effect is counted.
  static void CountUp(const Job&, Action& action) { action.batch.Add(RecordKey(1), 1); }

  Engine engine_{GetParam()};
  ManualClock clock_;
};

INSTANTIATE_TEST_SUITE_P(Engines, JobRunnerTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& info) { return info.param; });

TEST_P(JobRunnerTest, EveryJobRunsOnceAndIsRemoved) {
  Worker worker(store(), clock_);
  worker.runner.Add({"count", 3, CountUp});
  worker.runner.Start();
  for (int i = 0; i < 4; ++i) Enqueue(worker.node, "count", 25);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(Count(), 100);
  EXPECT_TRUE(Rows().empty());
  EXPECT_THAT(worker.metrics.Render(), HasSubstr("stampede_jobs_done_total{kind=\"count\"} 100"));
}

TEST_P(JobRunnerTest, TheHandlerSeesPayloadTryAndTime) {
  Worker worker(store(), clock_);
  std::string seen;
  worker.runner.Add({"look", 1, [&](const Job& job, Action&) {
                       seen = std::string(job.payload) + " " + std::to_string(job.attempt) + " " +
                              std::to_string(job.enqueued_ms - clock_.NowMs());
                     }});
  worker.runner.Start();
  Enqueue(worker.node, "look", 1);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(seen, "0 1 0");
}

TEST_P(JobRunnerTest, JobsOfBeforeTheStartAreFound) {
  Enqueue("count", 600);
  Worker worker(store(), clock_);
  worker.runner.Add({"count", 2, CountUp});
  worker.runner.Start();
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(Count(), 600);
}

TEST_P(JobRunnerTest, AJobMayCauseEventsAndJobs) {
  Worker worker(store(), clock_);
  events::testing::Recorder recorder(*worker.node.bus);
  worker.runner.Add({"first", 1, [](const Job&, Action& action) {
                       action.Enqueue("second", Partition{9}, "");
                       action.Announce(events::EventKind::kInteraction, events::testing::Author(1),
                                       "by a job");
                     }});
  worker.runner.Add({"second", 1, CountUp});
  worker.runner.Start();
  Enqueue(worker.node, "first", 1);
  EXPECT_TRUE(worker.Idle());
  EXPECT_TRUE(worker.node.bus->WaitUntilHandled(&recorder, kLongMs * 1000));
  EXPECT_EQ(Count(), 1);
  EXPECT_THAT(recorder.payloads(), ElementsAre("by a job"));
}

TEST_P(JobRunnerTest, AJobOfTheFutureWaitsForItsTime) {
  Worker worker(store(), clock_);
  worker.runner.Add({"count", 1, CountUp});
  worker.runner.Start();
  Enqueue(worker.node, "count", 1, clock_.NowMs() + 10'000);
  Enqueue(worker.node, "count", 1, clock_.NowMs() + 3'600'000);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(Count(), 0);
  clock_.AdvanceMs(10'000);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(Count(), 1);
  clock_.AdvanceMs(3'600'000);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(Count(), 2);
}

TEST_P(JobRunnerTest, AFailedJobIsTriedAgainAfterAPause) {
  Worker worker(store(), clock_);
  std::atomic<int> tries = 0;
  worker.runner.Add({"fail", 1, [&](const Job& job, Action& action) {
                       action.batch.Add(RecordKey(1), 1);
                       EXPECT_EQ(job.attempt, ++tries);
                       if (tries < 3) throw std::runtime_error("not yet");
                     }});
  worker.runner.Start();
  Enqueue(worker.node, "fail", 1);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(tries, 1);
  ASSERT_EQ(Rows().size(), 1u);
  EXPECT_EQ(Rows()[0].last_error(), "not yet");
  clock_.AdvanceMs(1'001);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(tries, 2);
  clock_.AdvanceMs(2'001);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(Count(), 1);
  EXPECT_TRUE(Rows().empty());
}

TEST_P(JobRunnerTest, AJobThatAlwaysFailsEndsAmongTheDeadLettersWithItsReason) {
  Worker worker(store(), clock_);
  std::atomic<size_t> tries = 0;
  worker.runner.Add({"fail", 1, [&](const Job&, Action&) {
                       ++tries;
                       throw Error(ErrorCode::kUnavailable, "try later", "host is down");
                     }});
  worker.runner.Start();
  Enqueue(worker.node, "fail", 1);
  for (size_t i = 1; i <= limits::kJobAttemptsMax; ++i) {
    EXPECT_TRUE(worker.Idle());
    EXPECT_EQ(tries, i);
    clock_.AdvanceMs(7LL * 3600 * 1000);
  }
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(tries, limits::kJobAttemptsMax);
  EXPECT_TRUE(Rows().empty());
  auto letters = worker.runner.DeadLetters(10);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].kind, "fail");
  EXPECT_EQ(letters[0].payload, "0");
  EXPECT_EQ(letters[0].reason, "try later: host is down");
  EXPECT_TRUE(worker.runner.DeadLetters(0).empty());
}

TEST_P(JobRunnerTest, AJobThatLosesARaceRunsAgainWithAFreshAction) {
  Worker worker(store(), clock_);
  std::atomic<int> runs = 0;
  worker.runner.Add({"race", 1, [&](const Job& job, Action& action) {
                       EXPECT_EQ(job.attempt, 1);
                       if (++runs < 3) action.batch.ExpectPresent(RecordKey(99));
                       CountUp(job, action);
                     }});
  worker.runner.Start();
  Enqueue(worker.node, "race", 1);
  EXPECT_TRUE(worker.Idle());
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(Count(), 1);
}

TEST_P(JobRunnerTest, ABlockedKindDoesNotDelayAnother) {
  Worker worker(store(), clock_);
  Gate gate;
  worker.runner.Add({"blocked", 2, [&](const Job&, Action&) { gate.Pass(); }});
  worker.runner.Add({"count", 1, CountUp});
  worker.runner.Start();
  Enqueue(worker.node, "blocked", 50);
  EXPECT_TRUE(Eventually([&] { return gate.waiting() == 2; }));
  Enqueue(worker.node, "count", 50);
  EXPECT_TRUE(Eventually([&] { return Count() == 50; }));
  EXPECT_EQ(gate.waiting(), 2);
  EXPECT_FALSE(worker.runner.WaitUntilIdle(1));
  gate.Open();
  EXPECT_TRUE(worker.Idle());
}

TEST_P(JobRunnerTest, AnUnknownKindIsLeftAlone) {
  {
    Worker worker(store(), clock_);
    worker.runner.Start();
    Enqueue(worker.node, "count", 3);
    EXPECT_TRUE(worker.Idle());
    EXPECT_EQ(Rows().size(), 3u);
  }
  Worker newer(store(), clock_);
  newer.runner.Add({"count", 1, CountUp});
  newer.runner.Start();
  EXPECT_TRUE(newer.Idle());
  EXPECT_EQ(Count(), 3);
}

TEST_P(JobRunnerTest, TwoProcessesShareTheWorkAndDoubleNothing) {
  Worker one(store(), clock_), two(store(), clock_);
  for (Worker* worker : {&one, &two}) {
    worker->runner.Add({"count", 2, CountUp});
    worker->runner.Start();
  }
  Enqueue("count", 400);
  for (Worker* worker : {&one, &two}) Enqueue(worker->node, "count", 20);
  clock_.AdvanceMs(200'000);  // time for a sweep, and past the leases
  EXPECT_TRUE(Eventually([&] { return one.Idle() && two.Idle() && Rows().empty(); }));
  EXPECT_EQ(Count(), 440);
}

TEST_P(JobRunnerTest, AnotherRunnerTakesOverTheJobOfOneThatHangs) {
  ManualClock frozen;  // a process that is stopped sees no time pass, so it renews nothing
  Gate gate;
  Worker hung(store(), frozen);
  hung.runner.Add({"count", 1, [&](const Job& job, Action& action) {
                     gate.Pass();
                     CountUp(job, action);
                   }});
  hung.runner.Start();
  Enqueue(hung.node, "count", 1);
  EXPECT_TRUE(Eventually([&] { return gate.waiting() == 1; }));

  Worker healthy(store(), clock_);
  std::atomic<int> attempt = 0;
  healthy.runner.Add({"count", 1, [&](const Job& job, Action& action) {
                        attempt = job.attempt;
                        CountUp(job, action);
                      }});
  healthy.runner.Start();
  EXPECT_TRUE(healthy.Idle());
  EXPECT_EQ(Count(), 0);  // the lease still holds
  clock_.AdvanceMs(limits::kJobLeaseMs + 1);
  EXPECT_TRUE(healthy.Idle());
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(attempt, 2);

  gate.Open();  // the hung one wakes up, and its effect is refused
  EXPECT_TRUE(hung.Idle());
  EXPECT_EQ(Count(), 1);
  EXPECT_THAT(hung.metrics.Render(), HasSubstr("stampede_jobs_lost_total{kind=\"count\"} 1"));
}

TEST_P(JobRunnerTest, ASlowJobKeepsItsLease) {
  Gate gate;
  Worker slow(store(), clock_), other(store(), clock_);
  std::atomic<int> runs = 0;
  for (Worker* worker : {&slow, &other}) {
    worker->runner.Add({"count", 1, [&](const Job& job, Action& action) {
                          ++runs;
                          gate.Pass();
                          CountUp(job, action);
                        }});
  }
  slow.runner.Start();
  Enqueue(slow.node, "count", 1);
  EXPECT_TRUE(Eventually([&] { return gate.waiting() == 1; }));
  other.runner.Start();
  for (int i = 0; i < 5; ++i) {
    clock_.AdvanceMs(limits::kJobLeaseMs / 2);
    EXPECT_TRUE(Eventually([&] {
      auto rows = Rows();
      return rows[0].lease_until_ms() == clock_.NowMs() + limits::kJobLeaseMs;
    }));
    EXPECT_TRUE(other.Idle());
  }
  gate.Open();
  EXPECT_TRUE(slow.Idle());
  EXPECT_TRUE(other.Idle());
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(Count(), 1);
}

TEST_P(JobRunnerTest, TheOnlyProcessDoesNotWaitForTheLeasesOfTheDead) {
  ManualClock frozen;
  Gate gate;
  Worker dead(store(), frozen);
  dead.runner.Add({"count", 1, [&](const Job&, Action&) { gate.Pass(); }});
  dead.runner.Start();
  Enqueue(dead.node, "count", 20);
  EXPECT_TRUE(Eventually([&] { return gate.waiting() == 1; }));
  Worker restarted(store(), clock_, Sharing::kOneProcess);
  restarted.runner.Add({"count", 2, CountUp});
  restarted.runner.Start();
  EXPECT_TRUE(restarted.Idle());
  EXPECT_EQ(Count(), 20);
  gate.Open();
}

TEST_P(JobRunnerTest, AJobWhoseWorkersAllVanishedIsBuried) {
  store::Batch batch;
  events::proto::JobRecord record;
  record.set_kind("killer");
  record.set_attempt(limits::kJobAttemptsMax);
  record.set_lease_until_ms(clock_.NowMs() - 1);
  record.set_lease_owner(42);
  batch.Put(events::JobKey(Partition{1}, clock_.NowMs(), JobId(1)), record.SerializeAsString());
  ASSERT_TRUE(store().Commit(batch));
  Worker worker(store(), clock_);
  worker.runner.Add({"killer", 1, [](const Job&, Action&) { FAIL(); }});
  worker.runner.Start();
  EXPECT_TRUE(worker.Idle());
  auto letters = worker.runner.DeadLetters(10);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_THAT(letters[0].reason, HasSubstr("vanished"));
}

TEST_P(JobRunnerTest, StopFinishesWhatRunsAndGivesBackTheRest) {
  Worker worker(store(), clock_);
  Gate gate;
  worker.runner.Add({"count", 1, [&](const Job& job, Action& action) {
                       gate.Pass();
                       CountUp(job, action);
                     }});
  Enqueue(worker.node, "count", 5);
  worker.runner.Start();
  EXPECT_TRUE(Eventually([&] { return gate.waiting() == 1; }));
  std::thread stopper([&] { worker.runner.Stop(); });
  int enqueued = 5;
  EXPECT_TRUE(Eventually([&] {  // once Stop has begun, the runner takes no more jobs in
    std::string before = worker.metrics.Render();
    Enqueue(worker.node, "count", 1);
    worker.node.committer.Settle();  // by then the runner has heard of it
    ++enqueued;
    return worker.metrics.Render() == before;
  }));
  gate.Open();
  stopper.join();
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(Rows().size(), enqueued - 1u);
  for (const auto& row : Rows()) {
    EXPECT_EQ(row.attempt(), 0u);
    EXPECT_EQ(row.lease_until_ms(), 0);
  }
}

// Whatever commit fails, before it is applied or after, in the claim, the effect or the retry: in
// the end each effect happened once.
TEST_P(JobRunnerTest, NoFailingCommitLosesOrDoublesAnEffect) {
  int64_t effects = 0;
  for (auto fault : {FaultyStore::Fault::kBefore, FaultyStore::Fault::kAfter}) {
    for (int fail_at = 1; fail_at <= 8; ++fail_at) {
      SCOPED_TRACE(fail_at);
      Enqueue("count", 3);
      FaultyStore faulty(store(), fail_at, fault);
      Worker worker(faulty, clock_);
      std::atomic<int> runs = 0;
      worker.runner.Add({"count", 1, [&](const Job& job, Action& action) {
                           if (++runs == 2) throw std::runtime_error("one failure, for a retry");
                           CountUp(job, action);
                         }});
      worker.runner.Start();
      EXPECT_TRUE(Eventually([&] {
        EXPECT_TRUE(worker.Idle());
        clock_.AdvanceMs(limits::kJobLeaseMs);
        return Rows().empty();
      }));
      EXPECT_EQ(Count(), effects += 3);
    }
  }
}

TEST(JobRunner, ABacklogLargerThanTheScheduleIsWorkedOff) {
  constexpr int kJobs = 60'000, kAtOnce = 2'000;
  Engine engine("memory");
  ManualClock clock;
  Node node(*engine.store, clock);
  for (int done = 0; done < kJobs; done += kAtOnce) {
    node.committer.Run([&](Action& action) {
      for (int i = 0; i < kAtOnce; ++i) action.Enqueue("nothing", Partition(i % 64), "");
    });
  }
  Worker worker(*engine.store, clock);
  std::atomic<int> runs = 0;
  worker.runner.Add({"nothing", 2, [&](const Job&, Action&) { ++runs; }});
  worker.runner.Start();
  EXPECT_TRUE(worker.runner.WaitUntilIdle(120'000));
  EXPECT_EQ(runs, kJobs);
}

}  // namespace
}  // namespace stampede::jobs
