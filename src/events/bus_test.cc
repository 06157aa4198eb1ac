#include "events/bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "events/nats/nats_bus.h"
#include "events/nats/test_server.h"
#include "events/test_support.h"

namespace stampede::events {
namespace {

using testing::Author;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::Gate;
using testing::MakeEvent;
using testing::Recorder;

constexpr int64_t kLongUs = 10'000'000;

// Stops at a gate before each event.
class Slow final : public Bus::Subscriber {
 public:
  void OnEvent(const Event& event) override {
    gate.Pass();
    recorder.OnEvent(event);
  }
  void OnGap() override {}
  Gate gate;
  Recorder recorder;
};

TEST(EventCoding, GivesBackWhatWasEncoded) {
  Event event{EventId(UINT64_MAX),
              EventKind::kNotificationCreated,
              Author(4095),
              std::string("\0\xff", 2),
              {std::string("\0k", 2), ""}};
  Event back = DecodeEvent(EncodeEvent(event));
  EXPECT_EQ(back.id, event.id);
  EXPECT_EQ(back.kind, event.kind);
  EXPECT_EQ(back.author, event.author);
  EXPECT_EQ(back.payload, event.payload);
  EXPECT_EQ(back.touched, event.touched);
}

TEST(EventCoding, RefusesWhatIsNoEvent) {
  EXPECT_THROW(DecodeEvent("\xff\xff\xff"), std::runtime_error);
}

// What every bus does for the subscribers of its own process.
class BusTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Bus> MakeBus(size_t queue_max = limits::kEventQueueMax) {
    if (GetParam() == "in_process") return MakeInProcessBus(queue_max);
    NatsOptions options;
    options.servers = server_->url();
    options.queue_max = queue_max;
    return MakeNatsBus(options, clock_, random_, metrics_);
  }
  static void SetUpTestSuite() { server_ = new testing::NatsServer(); }
  static void TearDownTestSuite() { delete server_; }

  inline static testing::NatsServer* server_ = nullptr;
  SystemClock clock_;
  SystemRandom random_;
  obs::Metrics metrics_;
};

INSTANTIATE_TEST_SUITE_P(Buses, BusTest, ::testing::Values("in_process", "nats"),
                         [](const auto& info) { return info.param; });

TEST_P(BusTest, EverySubscriberHearsEveryEventInTheOrderOfPublishing) {
  auto bus = MakeBus();
  Recorder first(*bus), second(*bus);
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    expected.push_back(std::to_string(i));
    bus->Publish(MakeEvent(expected.back()));
  }
  EXPECT_TRUE(bus->WaitUntilHandled(&first, kLongUs));
  EXPECT_TRUE(bus->WaitUntilHandled(&second, kLongUs));
  EXPECT_EQ(first.payloads(), expected);
  EXPECT_EQ(second.payloads(), expected);
}

TEST_P(BusTest, PublishWaitsWhileASubscribersQueueIsFull) {
  Slow slow;
  auto bus = MakeBus(/*queue_max=*/2);
  bus->Subscribe("slow", &slow);
  std::atomic<int> published{0};
  std::thread publisher([&] {
    for (int i = 0; i < 6; ++i, ++published) bus->Publish(MakeEvent(std::to_string(i)));
  });
  EXPECT_TRUE(Eventually([&] { return published == 2 && slow.gate.waiting() == 1; }));
  EXPECT_EQ(published, 2);
  slow.gate.Open();
  publisher.join();
  EXPECT_TRUE(bus->WaitUntilHandled(&slow, kLongUs));
  EXPECT_THAT(slow.recorder.payloads(), ElementsAre("0", "1", "2", "3", "4", "5"));
}

TEST_P(BusTest, WaitingForASlowSubscriberTimesOut) {
  Slow slow;
  auto bus = MakeBus();
  bus->Subscribe("slow", &slow);
  EXPECT_TRUE(bus->WaitUntilHandled(&slow, 0));
  bus->Publish(MakeEvent("a"));
  EXPECT_FALSE(bus->WaitUntilHandled(&slow, 1'000));
  slow.gate.Open();
  EXPECT_TRUE(bus->WaitUntilHandled(&slow, kLongUs));
}

TEST_P(BusTest, AHandlerThatThrowsIsToldOfAGapAndHearsTheNextEvent) {
  class Throws final : public Bus::Subscriber {
   public:
    void OnEvent(const Event& event) override {
      if (event.payload == "bad") throw std::runtime_error("no");
      recorder.OnEvent(event);
    }
    void OnGap() override { recorder.OnGap(); }
    Recorder recorder;
  } throws;
  auto bus = MakeBus();
  bus->Subscribe("throws", &throws);
  bus->Publish(MakeEvent("bad"));
  bus->Publish(MakeEvent("good"));
  EXPECT_TRUE(bus->WaitUntilHandled(&throws, kLongUs));
  EXPECT_EQ(throws.recorder.gaps, 1);
  EXPECT_THAT(throws.recorder.payloads(), ElementsAre("good"));
}

TEST_P(BusTest, IdleIsCalledWhenTheBacklogIsDoneUntilItSaysEnough) {
  Recorder recorder;
  auto bus = MakeBus();
  bus->Subscribe("recorder", &recorder);
  bus->Publish(MakeEvent("a"));
  EXPECT_TRUE(Eventually([&] { return recorder.idles == 3; }));
  bus->Stop();
  EXPECT_EQ(recorder.idles, 3);
}

TEST_P(BusTest, StopDeliversWhatIsQueuedAndThenRefuses) {
  Slow slow;
  auto bus = MakeBus();
  bus->Subscribe("slow", &slow);
  for (const char* payload : {"a", "b", "c"}) bus->Publish(MakeEvent(payload));
  std::thread stopper([&] { bus->Stop(); });
  slow.gate.Open();
  stopper.join();
  EXPECT_THAT(slow.recorder.payloads(), ElementsAre("a", "b", "c"));
  EXPECT_THROW(bus->Publish(MakeEvent("d")), std::runtime_error);
}

TEST_P(BusTest, UnsubscribeWaitsForTheCallUnderWayAndDropsTheRest) {
  auto bus = MakeBus();
  auto slow = std::make_unique<Slow>();
  bus->Subscribe("slow", slow.get());
  bus->Publish(MakeEvent("a"));
  EXPECT_TRUE(Eventually([&] { return slow->gate.waiting() == 1; }));
  std::thread opener([&] { slow->gate.Open(); });
  bus->Unsubscribe(slow.get());
  opener.join();
  EXPECT_THAT(slow->recorder.payloads(), ElementsAre("a"));
  slow.reset();
  bus->Publish(MakeEvent("b"));
}

}  // namespace
}  // namespace stampede::events
