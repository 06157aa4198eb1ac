#include "events/nats/nats_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "events/cache_invalidator.h"
#include "events/keys.h"
#include "events/nats/client.h"
#include "events/nats/sender.h"
#include "events/nats/test_server.h"
#include "events/outbox.h"
#include "events/records.pb.h"
#include "events/test_support.h"
#include "store/test_support.h"

namespace stampede::events {
namespace {

namespace fs = std::filesystem;
using store::testing::RecordKey;
using testing::Author;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::Gate;
using testing::NatsCluster;
using testing::NatsServer;
using testing::Node;
using testing::Recorder;

constexpr int64_t kLongMs = 30'000;

// One process's part of the bus.
class Process {
 public:
  explicit Process(const NatsOptions& options)
      : bus(MakeNatsBus(options, clock, random, metrics)), recorder(*bus) {}
  ~Process() { bus->Stop(); }

  void Publish(EventId id, AccountId author, const std::string& payload) {
    bus->Publish(
        std::make_shared<const Event>(Event{id, EventKind::kStatusCreated, author, payload, {}}));
  }
  void Publish(const std::string& payload, unsigned author = 1) {
    Publish(ids.Next<EventId>(static_cast<Partition>(author)), Author(author), payload);
  }
  // What it heard of one author.
  std::vector<std::string> Heard(unsigned author = 1) {
    std::vector<std::string> payloads;
    for (Event& event : recorder.events()) {
      if (event.author == Author(author)) payloads.push_back(std::move(event.payload));
    }
    return payloads;
  }
  bool Hears(const std::vector<std::string>& payloads, unsigned author = 1) {
    return Eventually([&] { return Heard(author).size() >= payloads.size(); }, kLongMs) &&
           Heard(author) == payloads;
  }

  SystemClock clock;
  SystemRandom random;
  obs::Metrics metrics;
  IdGenerator ids{clock, random};
  std::unique_ptr<Bus> bus;
  Recorder recorder;
};

class NatsBusTest : public ::testing::Test {
 protected:
  NatsOptions Options() { return {.servers = server_.url()}; }
  static std::vector<std::string> Numbers(const std::string& prefix, int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(prefix + std::to_string(i));
    return texts;
  }

  NatsServer server_;
};

// Stops at a gate before each event.
class Slow final : public Bus::Subscriber {
 public:
  void OnEvent(const Event& event) override {
    gate.Pass();
    recorder.OnEvent(event);
  }
  void OnGap() override { recorder.OnGap(); }
  Gate gate;
  Recorder recorder;
};

TEST_F(NatsBusTest, ProcessesHearEachOtherInOrderPerAuthorAndNotTheirOwnEcho) {
  Process a(Options()), b(Options()), c(Options());
  const auto of_a = Numbers("a", 500), of_b = Numbers("b", 500);
  std::thread publisher([&] {
    for (const std::string& payload : of_a) a.Publish(payload, 1);
  });
  for (const std::string& payload : of_b) b.Publish(payload, 2);
  publisher.join();
  for (Process* process : {&a, &b, &c}) {
    EXPECT_TRUE(process->Hears(of_a, 1));
    EXPECT_TRUE(process->Hears(of_b, 2));
    EXPECT_EQ(process->recorder.gaps, 0);
  }
  for (const Event& event : a.recorder.events())
    EXPECT_EQ(event.foreign, event.author == Author(2));
}

// Cares only about what other processes do.
class Foreign final : public Bus::Subscriber {
 public:
  bool only_foreign() const override { return true; }
  void OnEvent(const Event& event) override {
    if (event.payload == "bad") throw std::runtime_error("as a bug would");
    recorder.OnEvent(event);
  }
  void OnGap() override { recorder.OnGap(); }
  Recorder recorder;
};

TEST_F(NatsBusTest, WhoCaresOnlyAboutOthersIsToldBeforeAnybodyElseAndNotOfOwnEvents) {
  Process a(Options()), b(Options());
  Foreign foreign;
  b.bus->Subscribe("foreign", &foreign);
  b.Publish("own", 2);
  a.Publish("first");
  a.Publish("bad");
  a.Publish("last");
  EXPECT_TRUE(b.Hears({"own"}, 2));
  EXPECT_TRUE(b.Hears({"first", "bad", "last"}));
  const std::vector<Event> heard = foreign.recorder.events();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0].payload, "first");
  EXPECT_EQ(heard[1].payload, "last");
  EXPECT_EQ(foreign.recorder.gaps, 1);
  b.bus->Unsubscribe(&foreign);
  a.Publish("afterwards");
  EXPECT_TRUE(b.Hears({"first", "bad", "last", "afterwards"}));
  EXPECT_EQ(foreign.recorder.events().size(), 2U);
}

TEST_F(NatsBusTest, OnlyWhatIsPublishedFromNowOnIsHeard) {
  Process a(Options());
  a.Publish("before");
  Process witness(Options());
  a.Publish("between");
  EXPECT_TRUE(Eventually([&] { return !witness.Heard().empty(); }));
  Process b(Options());
  a.Publish("after");
  EXPECT_TRUE(b.Hears({"after"}));
}

TEST_F(NatsBusTest, AnEventThatTwoAnnounceHoldsNothingUp) {
  Process a(Options()), b(Options()), c(Options());
  a.Publish(EventId(77), Author(1), "swept");
  b.Publish(EventId(77), Author(1), "swept");
  b.Publish("last");
  EXPECT_TRUE(Eventually([&] { return c.Heard().size() == 3; }));
  EXPECT_THAT(c.Heard(), ::testing::UnorderedElementsAre("swept", "swept", "last"));
  EXPECT_EQ(c.recorder.gaps, 0);
}

TEST_F(NatsBusTest, TwoEventsThatDrewTheSameIdAreBothHeard) {
  Process a(Options()), b(Options()), c(Options());
  a.Publish(EventId(77), Author(1), "one");
  EXPECT_TRUE(c.Hears({"one"}));
  b.Publish(EventId(77), Author(1), "another");
  EXPECT_TRUE(c.Hears({"one", "another"}));
}

TEST_F(NatsBusTest, WhatHappenedWhileNatsWasAwayIsHeardWhenItIsBack) {
  Process a(Options()), b(Options());
  a.Publish("before");
  EXPECT_TRUE(b.Hears({"before"}));
  server_.Kill();
  std::vector<std::string> expected = {"before"};
  for (const std::string& payload : Numbers("", 300)) {
    a.Publish(payload);
    expected.push_back(payload);
  }
  EXPECT_TRUE(a.Hears(expected)) << "local subscribers need no NATS";
  server_.Start();
  EXPECT_TRUE(b.Hears(expected));
  a.Publish("after");
  expected.push_back("after");
  EXPECT_TRUE(b.Hears(expected));
  EXPECT_EQ(b.recorder.gaps, 0);
}

TEST_F(NatsBusTest, AnEventPublishedByOneWhileAnotherWasCutOffIsReplayed) {
  Process a(Options()), b(Options());
  a.Publish("1");
  EXPECT_TRUE(b.Hears({"1"}));
  for (int round = 0; round < 3; ++round) {
    server_.Kill();
    server_.Start();
    a.Publish("more");
  }
  EXPECT_TRUE(b.Hears({"1", "more", "more", "more"}));
  EXPECT_EQ(b.recorder.gaps, 0);
}

TEST_F(NatsBusTest, AStreamThatWasLostIsAGapAndMadeAgain) {
  Process a(Options()), b(Options());
  a.Publish("before");
  EXPECT_TRUE(b.Hears({"before"}));
  server_.Kill();
  fs::remove_all(server_.data());
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return a.recorder.gaps == 1 && b.recorder.gaps == 1; }, kLongMs));
  a.Publish("after");
  EXPECT_TRUE(b.Hears({"before", "after"}));
}

TEST_F(NatsBusTest, AfterALostPlaceAGapIsToldOnceMoreForWhatWasLostMeanwhile) {
  NatsOptions options = Options();
  options.patience_ms = 200;
  Process a(options);
  a.Publish("before");
  server_.Kill();
  fs::remove_all(server_.data());
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return a.recorder.gaps == 2; }, kLongMs));
}

// Publishes in the name of a process that is not there: an event, or, without a payload, a mark.
void PublishAs(nats::Client& client, const std::string& origin, uint64_t number,
               const std::string& payload) {
  std::string bytes;
  if (!payload.empty()) {
    bytes = EncodeEvent({EventId(number), EventKind::kStatusCreated, Author(1), payload, {}});
  }
  natsMsg* made = nullptr;
  ASSERT_EQ(natsMsg_Create(&made, client.subject().c_str(), nullptr, bytes.data(),
                           static_cast<int>(bytes.size())),
            NATS_OK);
  nats::Message message(made);
  natsMsgHeader_Set(made, nats::kOriginHeader, origin.c_str());
  natsMsgHeader_Set(made, nats::kNumberHeader, std::to_string(number).c_str());
  if (payload.empty()) natsMsgHeader_Set(made, nats::kMarkHeader, "1");
  ASSERT_EQ(natsConnection_PublishMsg(client.connection(), made), NATS_OK);
}

TEST_F(NatsBusTest, WhatTheStreamLostAtTheEndIsAGapThoughNoEventFollows) {
  NatsOptions options = Options();
  options.patience_ms = 200;
  Process b(options);
  nats::Client client(options, [] {});
  PublishAs(client, "elsewhere", 1, "first");
  PublishAs(client, "elsewhere", 2, "");
  EXPECT_TRUE(b.Hears({"first"}));
  EXPECT_EQ(b.recorder.gaps, 0);
  PublishAs(client, "elsewhere", 4, "");
  EXPECT_TRUE(Eventually([&] { return b.recorder.gaps == 1; }, kLongMs));
  EXPECT_EQ(b.Heard().size(), 1U) << "a mark is no event";
}

TEST_F(NatsBusTest, WhoHasNothingMoreToSayMarksTheEnd) {
  Process a(Options()), b(Options());
  nats::Client client(Options(), [] {});
  a.Publish("last");
  EXPECT_TRUE(Eventually(
      [&] { return client.GetStream().last == uint64_t{1 + nats::Sender::kMarks}; }, kLongMs));
  EXPECT_TRUE(b.Hears({"last"}));
  EXPECT_EQ(b.recorder.gaps, 0);
}

TEST_F(NatsBusTest, AStreamDeletedUnderARunningServerIsAGapAndMadeAgain) {
  Process a(Options()), b(Options());
  nats::Client client(Options(), [] {});
  jsCtx* jetstream = nullptr;
  ASSERT_EQ(natsConnection_JetStream(&jetstream, client.connection(), nullptr), NATS_OK);
  ASSERT_EQ(js_DeleteStream(jetstream, "stampede_events", nullptr, nullptr), NATS_OK);
  jsCtx_Destroy(jetstream);
  a.Publish("after");
  EXPECT_TRUE(Eventually([&] { return b.recorder.gaps == 1; }, kLongMs));
  a.Publish("later");
  EXPECT_TRUE(
      Eventually([&] { return !b.Heard().empty() && b.Heard().back() == "later"; }, kLongMs));
}

// A member of the NATS cluster that cannot catch up has consumers that never send anything; here it is
// the permission to hear them that is missing.
TEST(NatsBus, WhatTheStreamHasButDoesNotHandOutIsAGapInTheEnd) {
  NatsServer server(R"(authorization { users: [
    { user: hearing, password: x },
    { user: deaf, password: x, permissions: { subscribe: { deny: "_INBOX.*" } } } ] })");
  const auto options = [&](const std::string& user) {
    std::string url = server.url();
    return NatsOptions{.servers = url.insert(url.find("//") + 2, user + ":x@"), .patience_ms = 500};
  };
  Process deaf(options("deaf")), hearing(options("hearing"));
  hearing.Publish("unheard");
  EXPECT_TRUE(Eventually([&] { return deaf.recorder.gaps > 0; }, kLongMs));
  EXPECT_THAT(deaf.Heard(), ElementsAre());
  EXPECT_EQ(hearing.recorder.gaps, 0);
}

TEST_F(NatsBusTest, AStreamThatLostItsEndAndWentOnIsAGap) {
  Process a(Options()), b(Options());
  a.Publish("1");
  EXPECT_TRUE(b.Hears({"1"}));
  server_.Stop();
  const fs::path copy = server_.data().string() + ".copy";
  fs::copy(server_.data(), copy, fs::copy_options::recursive);
  server_.Start();
  a.Publish("2");
  EXPECT_TRUE(b.Hears({"1", "2"}));
  EXPECT_EQ(b.recorder.gaps, 0);
  server_.Stop();
  fs::remove_all(server_.data());
  fs::rename(copy, server_.data());
  // Sent as soon as there is a server, so that the lost number may be taken again at once.
  a.Publish("3");
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return b.recorder.gaps == 1; }, kLongMs));
  a.Publish("4");
  EXPECT_TRUE(Eventually([&] { return b.Heard().back() == "4"; }, kLongMs));
}

TEST_F(NatsBusTest, ASlowSubscriberHearsEverythingThatTheStreamStillHolds) {
  NatsOptions few = Options();
  few.queue_max = 10;
  Process a(Options()), b(few);
  Slow slow;
  b.bus->Subscribe("slow", &slow);
  const auto payloads = Numbers(std::string(1000, 'x'), 20'000);
  for (const std::string& payload : payloads) a.Publish(payload);
  EXPECT_TRUE(Eventually([&] { return slow.gate.waiting() == 1; }));
  EXPECT_LE(b.Heard().size(), 30u) << "the others wait with it";
  slow.gate.Open();
  EXPECT_TRUE(
      Eventually([&] { return slow.recorder.events().size() == payloads.size(); }, kLongMs));
  EXPECT_EQ(slow.recorder.payloads(), payloads);
  EXPECT_EQ(slow.recorder.gaps, 0);
  b.bus->Unsubscribe(&slow);
}

TEST_F(NatsBusTest, WhatTheStreamDroppedBeforeASubscriberHeardItIsAGap) {
  NatsOptions small = Options();
  small.stream_bytes_max = 256 * 1024;
  NatsOptions few = small;
  few.queue_max = 2;
  Process a(small), b(few);
  Slow slow;
  b.bus->Subscribe("slow", &slow);
  for (int i = 0; i < 3'000; ++i) a.Publish(std::string(10'000, 'x'));
  EXPECT_TRUE(Eventually([&] { return slow.gate.waiting() == 1; }));
  Process witness(small);
  a.Publish("last");
  EXPECT_TRUE(Eventually(
      [&] { return !witness.Heard().empty() && witness.Heard().back() == "last"; }, kLongMs));
  slow.gate.Open();
  EXPECT_TRUE(Eventually([&] { return b.Heard().back() == "last"; }, kLongMs));
  EXPECT_GE(slow.recorder.gaps, 1);
  b.bus->Unsubscribe(&slow);
}

TEST_F(NatsBusTest, AnEventTooLargeToBeSentIsAGapForTheOthers) {
  Process a(Options()), b(Options());
  a.Publish(std::string(2'000'000, 'x'));
  EXPECT_TRUE(Eventually([&] { return b.recorder.gaps == 1; }));
  a.Publish("small");
  EXPECT_TRUE(b.Hears({"small"}));
  EXPECT_EQ(a.recorder.gaps, 0);
}

TEST_F(NatsBusTest, AProcessStartsWithoutNatsAndIsToldOfAGapWhenItComes) {
  server_.Kill();
  NatsOptions options = Options();
  options.start_ms = 10;
  Process a(options), b(options);
  a.Publish("alone");
  EXPECT_TRUE(a.Hears({"alone"}));
  EXPECT_FALSE(a.bus->reachable());
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return a.recorder.gaps == 1 && b.recorder.gaps == 1; }, kLongMs));
  a.Publish("together");
  EXPECT_TRUE(Eventually([&] { return !b.Heard().empty() && b.Heard().back() == "together"; }));
}

TEST_F(NatsBusTest, WhoeverMustNotBeStaleIsToldAgainAndAgainWhileNatsIsAway) {
  class Blind final : public Bus::Subscriber {
   public:
    void OnEvent(const Event&) override {}
    void OnGap() override {}
    void OnBlind() override { ++told; }
    std::atomic<int> told{0};
  } blind;
  NatsOptions options = Options();
  options.blind_ms = 200;
  Process a(options);
  a.bus->Subscribe("blind", &blind);
  server_.Kill();
  EXPECT_TRUE(Eventually([&] { return blind.told >= 3; }));
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return a.bus->reachable(); }));
}

TEST_F(NatsBusTest, ABroadcastReachesTheOthersAndIsLostWithoutNats) {
  Mutex mutex;
  std::vector<std::string> heard;
  Process a(Options()), b(Options());
  auto listen = [&](Process& process, const std::string& name) {
    process.bus->OnBroadcast("limits", [&, name](std::string_view bytes) {
      MutexLock lock(mutex);
      heard.push_back(name + " heard " + std::string(bytes));
    });
  };
  listen(a, "a");
  listen(b, "b");
  auto count = [&] {
    MutexLock lock(mutex);
    return heard.size();
  };
  a.bus->Broadcast("limits", std::string("\0x", 2));
  EXPECT_TRUE(Eventually([&] { return count() == 1; }));
  server_.Kill();
  EXPECT_TRUE(Eventually([&] { return !b.bus->reachable(); }));
  b.bus->Broadcast("limits", "lost");
  server_.Start();
  EXPECT_TRUE(Eventually([&] {
    b.bus->Broadcast("limits", "again");
    return count() >= 2;
  }));
  MutexLock lock(mutex);
  EXPECT_EQ(heard[0], std::string("b heard \0x", 10));
  EXPECT_EQ(heard[1], "a heard again");
}

std::string LeaderOfStream(const NatsOptions& options) {
  nats::Client client(options, [] {});
  jsCtx* jetstream = nullptr;
  nats::Require(natsConnection_JetStream(&jetstream, client.connection(), nullptr), "JetStream");
  jsStreamInfo* info = nullptr;
  nats::Require(js_GetStreamInfo(&info, jetstream, "stampede_events", nullptr, nullptr), "stream");
  std::string leader = info->Cluster->Leader;
  jsStreamInfo_Destroy(info);
  jsCtx_Destroy(jetstream);
  return leader;
}

TEST(NatsBusCluster, TheLeaderOfTheStreamKilledCostsNoEvent) {
  NatsCluster cluster;
  NatsOptions options{.servers = cluster.urls(), .replicas = 3, .start_ms = 20'000};
  Process a(options), b(options);
  std::vector<std::string> expected;
  auto publish = [&](int count) {
    for (int i = 0; i < count; ++i) {
      expected.push_back(std::to_string(expected.size()));
      a.Publish(expected.back());
    }
  };
  publish(500);
  ASSERT_TRUE(b.Hears(expected));
  NatsServer& leader = cluster.node(LeaderOfStream(options));
  leader.Kill();
  publish(500);
  EXPECT_TRUE(b.Hears(expected));
  leader.Start();
  publish(500);
  EXPECT_TRUE(b.Hears(expected));
  EXPECT_EQ(b.recorder.gaps, 0);
}

TEST(NatsBusCluster, AStreamThatNobodyCanLeadIsMadeAnew) {
  NatsCluster cluster;
  NatsOptions options{
      .servers = cluster.urls(), .replicas = 2, .patience_ms = 1'000, .start_ms = 20'000};
  Process a(options), b(options);
  a.Publish("before");
  ASSERT_TRUE(b.Hears({"before"}));
  cluster.node(LeaderOfStream(options)).Kill();  // the other one of the two has no majority
  EXPECT_TRUE(Eventually([&] { return b.recorder.gaps > 0; }, 2 * kLongMs));
  // What comes before b has found its place in the new stream is what the gap is told for.
  const auto hears_again = [&] {
    a.Publish("after");
    return b.Heard().size() > 1;
  };
  EXPECT_TRUE(Eventually(hears_again, 2 * kLongMs));
  EXPECT_EQ(b.Heard().back(), "after");
}

// Processes on one store, up to the committer.
class NatsCommitterTest : public NatsBusTest {
 protected:
  std::unique_ptr<Bus> MakeBus(size_t unsent_max = 1'000) {
    NatsOptions options = Options();
    options.unsent_max = unsent_max;
    return MakeNatsBus(options, real_clock_, random_, metrics_);
  }
  size_t OutboxRows() {
    size_t rows = 0;
    for (unsigned p = 0; p < 16; ++p) {
      auto range = OutboxRange(static_cast<Partition>(p), int64_t{1} << 47);
      rows += store_->Scan({range, limits::kScanRowsMax}).size();
    }
    return rows;
  }
  static void Announce(Node& node, const std::string& payload) {
    Action action;
    action.Announce(EventKind::kStatusCreated, Author(1), payload);
    EXPECT_TRUE(node.committer.Commit(action));
  }
  static void PutRecord(Node& node, const std::string& kind) {
    proto::JobRecord record;
    record.set_kind(kind);
    node.committer.Run([&](Action& action) {  // the two may draw the same event id
      action.batch.Put(RecordKey(1), record.SerializeAsString());
    });
  }
  static std::string KindSeen(Node& node) {
    auto record = node.records.Get<proto::JobRecord>(RecordKey(1));
    return record ? record->kind() : "";
  }

  SystemClock real_clock_;
  SystemRandom random_;
  obs::Metrics metrics_;
  ManualClock clock_;
  std::unique_ptr<store::Store> store_ = store::MakeMemoryStore();
};

TEST_F(NatsCommitterTest, WhatNatsDoesNotHaveStaysInTheOutboxUntilItHas) {
  Node a(*store_, clock_, MakeBus(/*unsent_max=*/20)), b(*store_, clock_, MakeBus());
  Recorder hears_a(*a.bus), hears_b(*b.bus);
  a.committer.Start();
  server_.Kill();
  std::set<std::string> expected;
  for (const std::string& payload : Numbers("", 60)) {
    Announce(a, payload);
    expected.insert(payload);
  }
  EXPECT_TRUE(a.bus->WaitUntilHandled(&hears_a, kLongMs * 1000));
  EXPECT_EQ(hears_a.payloads().size(), 60u);
  EXPECT_EQ(OutboxRows(), 60u);
  clock_.AdvanceMs(Outbox::kUnannouncedMs + 1'000);
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0; }, kLongMs));
  EXPECT_TRUE(Eventually([&] { return hears_b.payloads().size() >= 60; }));
  auto heard = hears_b.payloads();
  EXPECT_EQ(std::set<std::string>(heard.begin(), heard.end()), expected);
  EXPECT_EQ(hears_b.gaps, 0);
}

TEST_F(NatsCommitterTest, ADeadProcessesEventsAreAnnouncedByAnother) {
  auto a = std::make_unique<Node>(*store_, clock_, std::make_unique<testing::BrokenBus>());
  Announce(*a, "orphan");
  a.reset();
  clock_.AdvanceMs(Outbox::kUnannouncedMs + 1);
  Node b(*store_, clock_, MakeBus()), c(*store_, clock_, MakeBus());
  Recorder hears_b(*b.bus), hears_c(*c.bus);
  b.committer.Start();
  c.committer.Start();
  EXPECT_TRUE(Eventually([&] { return OutboxRows() == 0; }));
  EXPECT_TRUE(Eventually([&] { return !hears_b.events().empty() && !hears_c.events().empty(); }));
  EXPECT_THAT(hears_b.payloads(), ElementsAre("orphan"));
  EXPECT_THAT(hears_c.payloads(), ElementsAre("orphan"));
  EXPECT_TRUE(hears_b.events()[0].foreign) << "nobody here has its records";
  EXPECT_TRUE(hears_c.events()[0].foreign);
}

TEST_F(NatsCommitterTest, WhoAnnouncesADeadProcessesEventsHearsOfItsCommitsToo) {
  Node b(*store_, clock_, MakeBus());
  CacheInvalidator of_b(*b.bus, b.records);
  EXPECT_EQ(KindSeen(b), "");
  {
    Node dead(*store_, clock_, std::make_unique<testing::BrokenBus>());
    Action action;
    proto::JobRecord record;
    record.set_kind("new");
    action.batch.Put(RecordKey(1), record.SerializeAsString());
    action.Announce(EventKind::kStatusCreated, Author(1), "orphan");
    EXPECT_TRUE(dead.committer.Commit(action));
  }
  EXPECT_EQ(KindSeen(b), "") << "nobody has told";
  clock_.AdvanceMs(Outbox::kUnannouncedMs + 1);
  b.committer.Start();
  EXPECT_TRUE(Eventually([&] { return KindSeen(b) == "new"; }));
}

TEST_F(NatsCommitterTest, CachesHearOfCommitsThatAnnounceNothing) {
  Node a(*store_, clock_, MakeBus()), b(*store_, clock_, MakeBus());
  CacheInvalidator of_a(*a.bus, a.records), of_b(*b.bus, b.records);
  EXPECT_EQ(KindSeen(b), "");
  PutRecord(a, "new");
  EXPECT_TRUE(Eventually([&] { return KindSeen(b) == "new"; }));
  PutRecord(b, "newer");
  EXPECT_EQ(KindSeen(b), "newer");
  EXPECT_TRUE(Eventually([&] { return KindSeen(a) == "newer"; }));
}

TEST_F(NatsCommitterTest, CachesAreRightAgainAfterAnOutage) {
  Node a(*store_, clock_, MakeBus()), b(*store_, clock_, MakeBus());
  CacheInvalidator of_b(*b.bus, b.records);
  EXPECT_EQ(KindSeen(b), "");
  server_.Kill();
  PutRecord(a, "new");
  EXPECT_EQ(KindSeen(b), "") << "stale, for a while";
  server_.Start();
  EXPECT_TRUE(Eventually([&] { return KindSeen(b) == "new"; }, kLongMs));
}

TEST(Committer, AnActionThatAnnouncesNothingAddsNoEventForTheOnlyProcess) {
  auto store = store::MakeMemoryStore();
  ManualClock clock;
  Node node(*store, clock);
  Recorder recorder(*node.bus);
  Action action;
  action.batch.Put(RecordKey(1), "");
  EXPECT_TRUE(node.committer.Commit(action));
  EXPECT_TRUE(node.bus->WaitUntilHandled(&recorder, kLongMs * 1000));
  EXPECT_TRUE(recorder.events().empty());
}

}  // namespace
}  // namespace stampede::events
