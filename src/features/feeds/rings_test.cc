#include "features/feeds/rings.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace stampede::feeds {
namespace {

std::vector<FeedEntry> ReadAll(const FeedRings& rings, FeedRings::Slot slot) {
  std::vector<FeedEntry> entries;
  rings.Read(slot, {}, SIZE_MAX, false, entries);
  return entries;
}

TEST(FeedRings, KeepTheNewestInOrderWhateverTheOrderOfArrival) {
  FeedRings rings;
  rings.Open(0);
  for (uint64_t id : {5, 3, 9, 7, 3, 9, 1}) rings.Insert(0, {id, id});
  EXPECT_EQ(ReadAll(rings, 0), (std::vector<FeedEntry>{{9, 9}, {7, 7}, {5, 5}, {3, 3}, {1, 1}}));
  std::vector<FeedEntry> read;
  rings.Read(0, {.lower = 1, .upper = 9}, 2, true, read);
  EXPECT_EQ(read, (std::vector<FeedEntry>{{3, 3}, {5, 5}}));
}

TEST(FeedRings, LetTheOldestGoAndSaySo) {
  FeedRings rings;
  rings.Open(0);
  constexpr uint64_t kLast = limits::kFeedEntriesMax + 100;
  for (uint64_t id = 1; id <= kLast; ++id) rings.Insert(0, {id, id});
  uint64_t floor = rings.floor(0);
  EXPECT_NEAR(static_cast<double>(kLast - floor), limits::kFeedEntriesMax, 10);
  size_t bytes = rings.bytes();
  EXPECT_FALSE(rings.Insert(0, {5, 5}));
  for (uint64_t id = kLast + 1; id < kLast + 50; ++id) rings.Insert(0, {id, id});
  EXPECT_EQ(rings.bytes(), bytes);
  std::vector<FeedEntry> read;
  rings.Read(0, {}, 1, true, read);
  EXPECT_EQ(read.front().id, rings.floor(0) + 1);
}

TEST(FeedRings, GiveTheirMemoryToOthers) {
  FeedRings rings;
  auto fill = [&](FeedRings::Slot slot) {
    rings.Open(slot);
    for (uint64_t id = 1; id <= 300; ++id) rings.Insert(slot, {id, id});
  };
  fill(0);
  size_t bytes = rings.bytes();
  fill(1);
  EXPECT_EQ(rings.bytes(), 2 * bytes);
  rings.Close(0);
  EXPECT_EQ(rings.bytes(), bytes);
  EXPECT_FALSE(rings.Insert(0, {1000, 1000}));
  EXPECT_TRUE(ReadAll(rings, 0).empty());
  fill(2);
  fill(0);
  rings.Close(1);
  fill(1);
  for (FeedRings::Slot slot : {0, 1, 2}) EXPECT_EQ(ReadAll(rings, slot).size(), 300u);
}

// Rings and what they should be, through a random history of everything that can happen to them.
class FeedRingsHistory : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr FeedRings::Slot kSlots = 3;

  void Insert(FeedRings::Slot slot, FeedEntry entry) {
    bool is_new = rings.Insert(slot, entry);
    if (entry.id > rings.floor(slot)) EXPECT_EQ(is_new, !model[slot].contains(entry.id));
    model[slot][entry.id] = entry;
  }

  void Compare(FeedRings::Slot slot, const store::IdBounds& bounds, size_t limit) {
    uint64_t lower = std::max(bounds.lower, rings.floor(slot));
    std::vector<FeedEntry> expected, read;
    for (const auto& [id, entry] : model[slot])
      if (id > lower && id < bounds.upper) expected.push_back(entry);
    std::vector<FeedEntry> oldest = expected;
    oldest.resize(std::min(limit, oldest.size()));
    rings.Read(slot, bounds, limit, true, read);
    EXPECT_EQ(read, oldest);
    std::ranges::reverse(expected);
    expected.resize(std::min(limit, expected.size()));
    read.clear();
    rings.Read(slot, bounds, limit, false, read);
    EXPECT_EQ(read, expected);
  }

  static constexpr size_t kEntriesMax[] = {7, 14, 70, limits::kFeedEntriesMax};
  FeedRings rings{kEntriesMax[GetParam() % std::size(kEntriesMax)]};
  std::map<uint64_t, FeedEntry> model[kSlots];
};

TEST_P(FeedRingsHistory, AreWhatASortedMapIs) {
  std::mt19937 random(GetParam());
  auto below = [&](uint64_t n) { return random() % n; };
  for (FeedRings::Slot slot = 0; slot < kSlots; ++slot) rings.Open(slot);
  uint64_t now = 1'000'000;
  for (int step = 0; step < 6000; ++step) {
    auto slot = static_cast<FeedRings::Slot>(below(kSlots));
    uint64_t late = below(4) == 0 ? below(30) : 0;
    if (below(100) == 0) late = below(5000);
    uint64_t id = (now += 1 + below(3)) - late;
    switch (below(40)) {
      case 0:
        if (!model[slot].empty())
          id = std::next(model[slot].begin(), static_cast<ptrdiff_t>(below(model[slot].size())))
                   ->first;
        rings.Remove(slot, id);
        model[slot].erase(id);
        break;
      case 1:
        Compare(slot, {.lower = now - below(3000), .upper = now - below(2000)}, 1 + below(40));
        break;
      case 2:
        if (below(20) > 0) break;
        rings.RaiseFloor(slot, now - below(3000));
        break;
      case 3:
        if (below(40) > 0) break;
        rings.Close(slot);
        rings.Open(slot);
        model[slot].clear();
        break;
      default:
        if (rings.floor(slot) < id)  // once an entry, always the same one
          Insert(slot, {id, id % 4 == 0 ? id - 7 : id});
    }
  }
  for (FeedRings::Slot slot = 0; slot < kSlots; ++slot) Compare(slot, {}, SIZE_MAX);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FeedRingsHistory, testing::Range(1u, 21u));

}  // namespace
}  // namespace stampede::feeds
