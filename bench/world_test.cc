#include "bench/world.h"

#include <gtest/gtest.h>

#include <map>

#include "features/accounts/keys.h"
#include "features/relationships/keys.h"
#include "features/relationships/records.pb.h"
#include "features/statuses/keys.h"
#include "store/memory/memory_store.h"

namespace stampede::bench {
namespace {

using accounts::AccountCounter;

class WorldTest : public ::testing::Test {
 protected:
  World Load(uint64_t seed) {
    Site site;
    site.base_url = "http://localhost";
    return World::Load(store_, site, clock_,
                       {.seed = seed, .members = 40, .fan_out = 7, .lonely = 3, .posts = 100});
  }
  int64_t Count(const Member& member, AccountCounter counter) {
    return store::DecodeCounter(store_.Get(accounts::CounterKey(member.account, counter)));
  }

  ManualClock clock_;
  store::MemoryStore store_;
};

TEST_F(WorldTest, EverybodyFollowsAndIsFollowedByAsManyAsAskedFor) {
  World world = Load(1);
  ASSERT_EQ(world.members().size(), 40u);
  for (const Member& member : world.members()) {
    EXPECT_EQ(Count(member, AccountCounter::kFollowing), 7);
    EXPECT_EQ(Count(member, AccountCounter::kFollowers), 7);
  }
  ASSERT_EQ(world.lonely().size(), 3u);
  for (const Member& member : world.lonely()) {
    EXPECT_EQ(Count(member, AccountCounter::kFollowing), 0);
    EXPECT_EQ(Count(member, AccountCounter::kStatuses), 0);
  }
}

TEST_F(WorldTest, FollowsAnswersAsTheStoreDoes) {
  World world = Load(2);
  std::map<uint64_t, size_t> position;
  for (size_t i = 0; i < 40; ++i) position[world.members()[i].account.value()] = i;
  for (size_t reader = 0; reader < 40; ++reader) {
    std::vector<bool> stored(40);
    auto range =
        relationships::RowRange(relationships::List::kFollowing, world.members()[reader].account);
    for (const store::Row& row : store_.Scan({.range = range, .limit = 100})) {
      relationships::FollowRow follow;
      ASSERT_TRUE(follow.ParseFromString(row.value));
      stored[position.at(follow.account())] = true;
    }
    for (size_t author = 0; author < 40; ++author) {
      EXPECT_EQ(world.Follows(reader, author), stored[author]);
    }
  }
}

TEST_F(WorldTest, PostsAreSpreadEvenlyAndNoneOverwritesAnother) {
  World world = Load(3);
  size_t rows = 0;
  for (const Member& member : world.members()) {
    int64_t count = Count(member, AccountCounter::kStatuses);
    EXPECT_TRUE(count == 2 || count == 3);
    rows += store_.Scan({.range = statuses::OutboxRange(member.account), .limit = 100}).size();
  }
  EXPECT_EQ(rows, 100u);
}

}  // namespace
}  // namespace stampede::bench
