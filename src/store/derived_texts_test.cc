#include "store/derived_texts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.h"

namespace stampede::store {
namespace {

TEST(DerivedTexts, MakesATextOncePerRecord) {
  DerivedTexts texts(1 << 20);
  auto first = std::make_shared<const int>(1), second = std::make_shared<const int>(2);
  int made = 0;
  auto make = [&](std::string text) { return [&made, text] { return ++made, text; }; };
  EXPECT_EQ(*texts.Get(first, make("one")), "one");
  EXPECT_EQ(*texts.Get(first, make("other")), "one");
  EXPECT_EQ(*texts.Get(second, make("two")), "two");
  EXPECT_EQ(made, 2);
}

TEST(DerivedTexts, WhatIsAskedForStaysWhileOthersComeAndGo) {
  DerivedTexts texts(1 << 20);
  auto popular = std::make_shared<const int>(0);
  int made = 0;
  std::vector<std::shared_ptr<const int>> others;
  for (int i = 0; i < 10'000; ++i) {  // ten times what fits
    texts.Get(popular, [&] { return ++made, std::string("popular"); });
    others.push_back(std::make_shared<const int>(i));
    texts.Get(others.back(), [] { return std::string(400, 'x'); });
  }
  EXPECT_EQ(made, 1);
}

TEST(DerivedTexts, TextsAreThoseOfTheirRecordsWhateverComesAndGoes) {
  DerivedTexts texts(1 << 20);
  SeededRandom random(1);
  std::vector<std::shared_ptr<const int>> records(3'000);
  int made = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto& record = records[random.Below(static_cast<uint32_t>(records.size()))];
    if (!record || random.Below(8) == 0) record = std::make_shared<const int>(i);  // as changed
    auto make = [&] { return ++made, std::to_string(*record) + std::string(400, ' '); };
    ASSERT_TRUE(texts.Get(record, make)->starts_with(std::to_string(*record) + " "));
  }
  EXPECT_LT(made, 90'000) << "some are kept";
}

TEST(DerivedTexts, ManyThreadsGetTheTextsOfTheirRecords) {
  DerivedTexts texts(1 << 20);
  std::vector<std::shared_ptr<const int>> records;
  for (int i = 0; i < 3'000; ++i) records.push_back(std::make_shared<const int>(i));
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      SeededRandom random(seed);
      for (int i = 0; i < 20'000; ++i) {
        const auto& record = records[random.Below(static_cast<uint32_t>(records.size()))];
        auto make = [&] { return std::to_string(*record) + std::string(400, ' '); };
        if (!texts.Get(record, make)->starts_with(std::to_string(*record) + " ")) ++wrong;
      }
    });
  }
  threads.clear();  // waits
  EXPECT_EQ(wrong, 0);
}

TEST(DerivedTexts, StaysWithinItsBudget) {
  DerivedTexts texts(512 * 1024);
  auto record = std::make_shared<const int>(0);
  std::weak_ptr<const int> first = record;
  EXPECT_EQ(texts.Get(record, [] { return std::string(1000, 'x'); })->size(), 1000u);
  record.reset();
  std::vector<std::shared_ptr<const int>> others;  // kept, so that addresses of every part come up
  for (int i = 0; i < 10'000 && !first.expired(); ++i) {
    others.push_back(std::make_shared<const int>(i));
    texts.Get(others.back(), [] { return std::string(1000, 'x'); });
  }
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace stampede::store
