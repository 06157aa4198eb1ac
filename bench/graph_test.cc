#include "bench/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace stampede::bench {
namespace {

const GraphOptions kSmall = {.seed = 7, .accounts = 5'000, .follows = 40, .fan_out = 200};

TEST(GraphTest, TheLargestAccountIsFollowedByTheShareAskedFor) {
  for (uint32_t accounts : {2'000u, 5'000u, 50'000u}) {
    Graph graph({.seed = 1, .accounts = accounts, .follows = 40, .fan_out = 150});
    EXPECT_NEAR(graph.followers(0) / static_cast<double>(accounts), 0.22, 0.02) << accounts;
    EXPECT_EQ(graph.followers(graph.celebrity()), accounts - 1);
    EXPECT_GT(graph.followers(0), graph.followers(10));
    EXPECT_GT(graph.followers(10), graph.followers(accounts / 2));
  }
}

TEST(GraphTest, TheAuthorsOfPostsHaveTheFanOutAskedForOnAverage) {
  for (double fan_out : {30.0, 200.0, 403.0}) {
    GraphOptions options = kSmall;
    options.fan_out = fan_out;
    Graph graph(options);
    EXPECT_NEAR(graph.mean_fan_out(), fan_out, 1e-6 * fan_out);
    SplitMix random(3);
    double sum = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) sum += graph.followers(graph.DrawAuthor(random()));
    EXPECT_NEAR(sum / kDraws, fan_out, 0.02 * fan_out);
  }
  GraphOptions impossible = kSmall;
  impossible.fan_out = 4'000;
  EXPECT_THROW(Graph{impossible}, std::invalid_argument);
}

TEST(GraphTest, NobodyFollowsThemselvesOrAnybodyTwiceAndCountsAgree) {
  Graph graph(kSmall);
  std::vector<uint32_t> counts(graph.accounts()), follows;
  for (uint32_t reader = 0; reader < graph.accounts(); ++reader) {
    graph.Follows(reader, follows);
    ASSERT_EQ(follows.size(), graph.follows_each() - (reader == graph.celebrity()));
    ASSERT_EQ(std::set<uint32_t>(follows.begin(), follows.end()).size(), follows.size());
    ASSERT_FALSE(std::ranges::count(follows, reader));
    for (uint32_t author : follows) ++counts[author];
  }
  uint64_t edges = 0;
  for (uint32_t author = 0; author < graph.accounts(); ++author) {
    ASSERT_EQ(counts[author], graph.followers(author));
    edges += counts[author];
    if (counts[author] == 0) continue;
    graph.Follows(graph.SomeFollower(author, author * 77), follows);
    ASSERT_TRUE(std::ranges::count(follows, author));
  }
  EXPECT_EQ(edges, graph.edges());
}

TEST(GraphTest, TheSeedAloneDecides) {
  Graph one(kSmall), again(kSmall);
  GraphOptions options = kSmall;
  options.seed = 8;
  Graph other(options);
  std::vector<uint32_t> a, b, c;
  for (uint32_t reader = 0; reader < one.accounts(); reader += 17) {
    one.Follows(reader, a);
    again.Follows(reader, b);
    other.Follows(reader, c);
    ASSERT_EQ(a, b);
    ASSERT_NE(a, c);
    ASSERT_EQ(one.DrawAuthor(reader * 0x9E3779B97F4A7C15u),
              again.DrawAuthor(reader * 0x9E3779B97F4A7C15u));
  }
}

}  // namespace
}  // namespace stampede::bench
