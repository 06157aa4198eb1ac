#include "events/committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "events/keys.h"
#include "events/records.pb.h"
#include "events/test_support.h"

namespace stampede::events {
namespace {

using store::testing::RecordKey;
using testing::Author;
using testing::BrokenBus;
using ::testing::ElementsAre;
using testing::Engine;
using testing::Eventually;
using testing::FaultyStore;
using testing::Node;
using testing::Recorder;
using ::testing::UnorderedElementsAre;

constexpr int64_t kLongUs = 10'000'000;

class CommitterTest : public ::testing::TestWithParam<std::string> {
 protected:
  size_t OutboxRows() {
    size_t rows = 0;
    for (unsigned p = 0; p < 16; ++p) {
      auto range = OutboxRange(static_cast<Partition>(p), int64_t{1} << 47);
      rows += store().Scan({range, limits::kScanRowsMax}).size();
    }
    return rows;
  }
  // Events that a process committed and never announced.
  void CommitUnannounced(unsigned partition, const std::vector<std::string>& payloads) {
    Node crashed(store(), clock_, std::make_unique<BrokenBus>());
    for (const std::string& payload : payloads) {
      Action action;
      action.Announce(EventKind::kStatusCreated, Author(partition), payload);
      EXPECT_TRUE(crashed.committer.Commit(action));
    }
  }
  store::Store& store() { return *engine_.store; }

  Engine engine_{GetParam()};
  ManualClock clock_;
};

INSTANTIATE_TEST_SUITE_P(Engines, CommitterTest, ::testing::Values("memory", "rocksdb", "remote"),
                         [](const auto& info) { return info.param; });

// Where somebody may have missed what a process committed before it died.
using OutboxTest = CommitterTest;
INSTANTIATE_TEST_SUITE_P(Engines, OutboxTest, ::testing::Values("remote"),
                         [](const auto& info) { return info.param; });

TEST_P(CommitterTest, AnEmptyActionCommitsNothing) {
  FaultyStore faulty(store(), 1, FaultyStore::Fault::kBefore);
  Node node(faulty, clock_);
  Action action;
  EXPECT_TRUE(node.committer.Commit(action));
}

TEST_P(CommitterTest, ACommitWritesDropsCachedRecordsAndAnnouncesWhatItTouched) {
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  EXPECT_EQ(node.records.Get<proto::JobRecord>(RecordKey(1)), nullptr);  // absence is cached

  Action action;
  proto::JobRecord record;
  record.set_kind("seen");
  action.batch.Put(RecordKey(1), record.SerializeAsString());
  action.batch.Put(store::testing::IndexKey(2), "");
  action.Announce(EventKind::kAccountChanged, Author(3), "payload");
  EXPECT_TRUE(node.committer.Commit(action));

  EXPECT_EQ(node.records.Get<proto::JobRecord>(RecordKey(1))->kind(), "seen");
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  std::vector<Event> events = recorder.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].payload, "payload");
  EXPECT_EQ(events[0].author, Author(3));
  EXPECT_EQ(events[0].id.partition(), Partition{3});
  EXPECT_THAT(events[0].touched, ElementsAre(RecordKey(1)));
}

TEST_P(CommitterTest, AFailedExpectationLeavesNothingBehind) {
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  int jobs = 0;
  node.committer.OnJob([&](const std::string&, std::string_view, int64_t) { ++jobs; });
  Action action;
  action.batch.ExpectPresent(RecordKey(1));
  action.Announce(EventKind::kAccountChanged, Author(3), "");
  action.Enqueue("kind", Partition{3}, "");
  EXPECT_FALSE(node.committer.Commit(action));
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_TRUE(recorder.events().empty());
  EXPECT_EQ(OutboxRows(), 0u);
  EXPECT_EQ(jobs, 0);
}

TEST_P(CommitterTest, RunGivesUpWhenItNeverCommits) {
  Node node(store(), clock_);
  size_t tries = 0;
  EXPECT_THROW(node.committer.Run([&](Action& action) {
    ++tries;
    action.batch.ExpectPresent(RecordKey(1));
  }),
               Error);
  EXPECT_EQ(tries, limits::kCommitAttemptsMax);
}

TEST_P(CommitterTest, ACommittedJobIsStoredAndTheHookHearsOfIt) {
  Node node(store(), clock_);
  std::vector<std::string> heard;
  node.committer.OnJob([&](const std::string& key, std::string_view kind, int64_t due_ms) {
    heard.push_back(key);
    EXPECT_EQ(kind, "greet");
    EXPECT_EQ(due_ms, ReadJobKey(key).due_ms);
  });
  Action action;
  action.Enqueue("greet", Partition{5}, "now");
  action.Enqueue("greet", Partition{5}, "later", clock_.NowMs() + 1000);
  EXPECT_TRUE(node.committer.Commit(action));
  node.committer.Settle();
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(ReadJobKey(heard[0]).due_ms, clock_.NowMs());
  EXPECT_EQ(ReadJobKey(heard[1]).due_ms, clock_.NowMs() + 1000);
  proto::JobRecord record;
  ASSERT_TRUE(record.ParseFromString(store().Get(heard[1]).value()));
  EXPECT_EQ(record.payload(), "later");
  EXPECT_EQ(record.attempt(), 0u);
}

TEST_P(CommitterTest, ConcurrentCommitsAreHeardInTheOrderOfCommitPerAuthor) {
  constexpr unsigned kAuthors = 3, kThreads = 4, kCommits = 50;
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  auto post = [&](unsigned author) {
    std::string key = RecordKey(author, author);
    node.committer.Run([&](Action& action) {
      auto before = store().Get(key);
      std::string number = std::to_string(std::stoi(before.value_or("0")) + 1);
      action.batch.ExpectUnchanged(key, before);
      action.batch.Put(key, number);
      action.Announce(EventKind::kStatusCreated, Author(author), number);
      action.Announce(EventKind::kInteraction, Author(15 - author), "other");
    });
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (unsigned i = 0; i < kCommits * kAuthors; ++i) post(i % kAuthors);
    });
  }
  for (auto& thread : threads) thread.join();
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  std::map<AccountId, unsigned> last;
  for (const Event& event : recorder.events()) {
    if (event.kind != EventKind::kStatusCreated) continue;
    EXPECT_EQ(event.payload, std::to_string(++last[event.author]));
  }
  for (unsigned a = 0; a < kAuthors; ++a) EXPECT_EQ(last[Author(a)], kThreads * kCommits);
}

// What nobody outside could have missed is announced and leaves nothing in the store.
TEST_P(CommitterTest, EventsAreStoredOnlyWhereAnotherProcessCouldMissThem) {
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  Action action;
  action.Announce(EventKind::kStatusCreated, Author(1), "heard");
  EXPECT_TRUE(node.committer.Commit(action));
  node.committer.Settle();
  EXPECT_EQ(OutboxRows(), store().remote() ? 1u : 0u);
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_THAT(recorder.payloads(), ElementsAre("heard"));
}

TEST_P(CommitterTest, WhatIsNotDurableIsAnnouncedInThisProcessOnly) {
  FaultyStore faulty(store(), 1, FaultyStore::Fault::kNotDurable);
  Node node(faulty, clock_);
  Recorder recorder(*node.bus);
  Action action;
  action.batch.Put(RecordKey(1), "seen by all readers");
  action.Announce(EventKind::kStatusCreated, Author(1), "heard");
  EXPECT_TRUE(node.committer.Commit(action));
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_EQ(recorder.events().size(), store().remote() ? 0u : 1u);
  EXPECT_EQ(OutboxRows(), store().remote() ? 1u : 0u);
}

TEST_P(OutboxTest, TwoProcessesThatDrawTheSameIdsBothCommit) {
  Node one(store(), clock_), two(store(), clock_);  // the clock stands still
  for (Node* node : {&one, &two}) {
    node->committer.Run([&](Action& action) {
      action.Announce(EventKind::kStatusCreated, Author(1), "");
      action.Enqueue("kind", Partition{1}, "");
    });
  }
  EXPECT_EQ(OutboxRows(), 2u);
  EXPECT_EQ(store().Scan({JobRange(Partition{1}, clock_.NowMs() + 1), 10}).size(), 2u);
}

TEST_P(OutboxTest, RowsOfAnnouncedEventsAreErased) {
  Node node(store(), clock_);
  node.committer.Start();
  for (int i = 0; i < 5; ++i) {
    Action action;
    action.Announce(EventKind::kStatusCreated, Author(1), "");
    EXPECT_TRUE(node.committer.Commit(action));
  }
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0; }));
}

TEST_P(OutboxTest, StopErasesWhatWasAnnouncedEvenWithoutStart) {
  Node node(store(), clock_);
  Action action;
  action.Announce(EventKind::kStatusCreated, Author(1), "");
  EXPECT_TRUE(node.committer.Commit(action));
  EXPECT_EQ(OutboxRows(), 1u);
  node.committer.Stop();
  EXPECT_EQ(OutboxRows(), 0u);
}

TEST_P(OutboxTest, AnEventThatACrashLeftUnannouncedIsAnnouncedAfterTheRestart) {
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) expected.push_back(std::to_string(i));
  CommitUnannounced(1, expected);
  EXPECT_EQ(OutboxRows(), 200u);
  clock_.AdvanceMs(11'000);
  Node restarted(store(), clock_);
  Recorder recorder(*restarted.bus);
  restarted.committer.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0; }));
  EXPECT_TRUE(restarted.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_EQ(recorder.payloads(), expected);
}

TEST_P(OutboxTest, ARowIsLeftToItsProcessForTenSeconds) {
  CommitUnannounced(1, {"old"});
  clock_.AdvanceMs(11'000);
  CommitUnannounced(2, {"fresh"});
  CommitUnannounced(0, {"fresh too"});
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  node.committer.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 2; }));
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_THAT(recorder.payloads(), ElementsAre("old"));
  clock_.AdvanceMs(11'000);
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0; }));
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_THAT(recorder.payloads(), UnorderedElementsAre("old", "fresh", "fresh too"));
}

TEST_P(OutboxTest, ABadRowOfTheOutboxDoesNotStopTheOthers) {
  store::Batch batch;
  batch.Put(OutboxKey(EventId::Make(clock_.NowMs() - 1, Partition{1}, 0)), "\xff\xff");
  ASSERT_TRUE(store().Commit(batch));
  CommitUnannounced(1, {"good"});
  clock_.AdvanceMs(11'000);
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  node.committer.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 1; }));
  node.committer.Settle();
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongUs));
  EXPECT_THAT(recorder.payloads(), ElementsAre("good"));
}

TEST_P(OutboxTest, ACommitOfUnknownOutcomeIsAnnouncedLaterIfItHappened) {
  for (auto fault : {FaultyStore::Fault::kBefore, FaultyStore::Fault::kAfter}) {
    FaultyStore faulty(store(), 1, fault);
    Node node(faulty, clock_);
    Action action;
    std::string payload = fault == FaultyStore::Fault::kAfter ? "after" : "before";
    action.Announce(EventKind::kStatusCreated, Author(1), payload);
    EXPECT_THROW(node.committer.Commit(action), std::runtime_error);
  }
  clock_.AdvanceMs(11'000);
  Node node(store(), clock_);
  Recorder recorder(*node.bus);
  node.committer.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0 && !recorder.events().empty(); }));
  EXPECT_THAT(recorder.payloads(), ElementsAre("after"));
}

}  // namespace
}  // namespace stampede::events
