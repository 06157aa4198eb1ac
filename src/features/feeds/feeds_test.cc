#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "features/feeds/engine.h"
#include "features/feeds/view.h"
#include "features/interactions/service.h"
#include "features/relationships/keys.h"
#include "features/relationships/service.h"
#include "features/statuses/keys.h"
#include "features/statuses/service.h"
#include "features/testing/cast.h"

namespace stampede::feeds {
namespace {

using relationships::RelationRecord;
using relationships::Visibility;
using statuses::StatusRecord;

// A whole server in RAM with feeds, and the same feeds computed naively from the store.
class World : public testing::Cast {
 public:
  World()
      : relationships(committer),
        statuses(committer, site),
        interactions(committer),
        views(records, site, clock) {
    Restart();
  }
  ~World() { home.reset(), engine.reset(); }

  // Forgets everything that is not in the store.
  void Restart(FeedOptions options = {}) {
    home.reset();
    engine.reset();
    records.Clear();
    engine =
        std::make_unique<FeedEngine>(store, relationships, *bus, clock, random, metrics, options);
    home = std::make_unique<HomeTimeline>(*engine, views);
  }

  StatusId Post(AccountId author, std::string text, Visibility visibility = Visibility::kPublic,
                StatusId parent = {}, std::string language = "en") {
    StatusId id = statuses.Post({.author = author,
                                 .text = std::move(text),
                                 .visibility = visibility,
                                 .language = std::move(language),
                                 .in_reply_to = parent});
    clock.AdvanceMs(1);
    return id;
  }

  // The whole home timeline, paged through in pages of `limit`.
  std::vector<uint64_t> Home(AccountId reader, size_t limit = 7) {
    std::vector<uint64_t> ids;
    net::Page page{.limit = limit};
    while (true) {
      auto shown = home->Page(reader, page);
      if (shown.empty()) return ids;
      for (const auto& data : shown) ids.push_back(data.id().value());
      page.max_id = ids.back();
    }
  }

  // The same, paged upwards by min_id from the very first; newest first.
  std::vector<uint64_t> HomeUpwards(AccountId reader, size_t limit = 7) {
    std::vector<uint64_t> ids;
    net::Page page{.min_id = 1, .limit = limit};
    while (true) {
      auto shown = home->Page(reader, page);
      if (shown.empty()) break;
      for (auto it = shown.rbegin(); it != shown.rend(); ++it) ids.push_back(it->id().value());
      page.min_id = ids.back();
    }
    std::ranges::reverse(ids);
    return ids;
  }

  // --- The naive timeline: straight from the records, by the rules as Mastodon documents them. ---

  RelationRecord Relation(AccountId source, AccountId target) {
    RelationRecord record;
    if (auto value = store.Get(relationships::RelationKey(source, target))) {
      record.ParseFromString(*value);
    }
    return record;
  }
  std::optional<StatusRecord> Stored(uint64_t id) {
    auto value = store.Get(statuses::StatusKey(StatusId(id)));
    StatusRecord record;
    if (!value || !record.ParseFromString(*value)) return std::nullopt;
    return record;
  }
  static bool Mentions(const StatusRecord& status, AccountId account) {
    return std::ranges::any_of(status.mentions(), [&](const auto& mention) {
      return AccountId(mention.account()) == account;
    });
  }
  bool IsCandidate(AccountId reader, const StatusRecord& status) {
    AccountId author(status.author());
    if (author == reader) return true;
    RelationRecord relation = Relation(reader, author);
    if (!relation.has_follow()) return false;
    if (status.visibility() == int(Visibility::kDirect)) return Mentions(status, reader);
    const auto& languages = relation.follow().languages();
    if (!languages.empty() && !status.language().empty() &&
        std::ranges::find(languages, status.language()) == languages.end()) {
      return false;
    }
    if (status.reblog_of() && !relation.follow().reblogs()) return false;
    AccountId answered(status.in_reply_to_account());
    return !status.in_reply_to_id() || answered == author || answered == reader ||
           Relation(reader, answered).has_follow();
  }
  bool Refused(AccountId reader, AccountId other) {
    RelationRecord relation = Relation(reader, other);
    return relation.has_block() || relation.has_mute();
  }
  bool IsShown(AccountId reader, const StatusRecord& status) {
    AccountId author(status.author());
    if (author != reader) {
      if (Relation(author, reader).has_block() || Refused(reader, author)) return false;
      bool follows = Relation(reader, author).has_follow();
      if (status.visibility() == int(Visibility::kPrivate) && !follows &&
          !Mentions(status, reader)) {
        return false;
      }
      if (status.visibility() == int(Visibility::kDirect) && !Mentions(status, reader))
        return false;
      for (const auto& mention : status.mentions()) {
        if (AccountId(mention.account()) != reader &&
            Refused(reader, AccountId(mention.account()))) {
          return false;
        }
      }
    }
    if (!status.reblog_of()) return true;
    auto original = Stored(status.reblog_of());
    return original && IsShown(reader, *original);
  }
  std::vector<uint64_t> Naive(AccountId reader) {
    std::vector<StatusRecord> candidates;
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      auto status = Stored(*it);
      if (status && IsCandidate(reader, *status)) candidates.push_back(std::move(*status));
    }
    std::ranges::sort(candidates, std::greater(), [](const auto& s) { return s.id(); });
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!IsShown(reader, candidates[i])) continue;
      uint64_t original = candidates[i].reblog_of();
      bool superfluous = false;
      for (size_t j = i + 1; original && j < candidates.size() && j <= i + limits::kBoostWindow;
           ++j) {
        bool same = candidates[j].id() == original || candidates[j].reblog_of() == original;
        superfluous |= same && IsShown(reader, candidates[j]);
      }
      if (!superfluous) ids.push_back(candidates[i].id());
    }
    return ids;
  }

  // What is in one timeline only, for the message of a failure.
  std::string Difference(AccountId reader) {
    auto home_ids = Home(reader), naive = Naive(reader);
    std::string text;
    for (uint64_t id : all) {
      bool pushed = std::ranges::count(home_ids, id), expected = std::ranges::count(naive, id);
      auto status = Stored(id);
      if (pushed == expected || !status) continue;
      text += "\n" + std::string(pushed ? "superfluous" : "missing") + " " + std::to_string(id) +
              " author " + std::to_string(status->author()) + " visibility " +
              std::to_string(status->visibility()) + " boosts " +
              std::to_string(status->reblog_of()) + " answers " +
              std::to_string(status->in_reply_to_account()) + " text " + status->text();
    }
    return text;
  }

  relationships::RelationshipsService relationships;
  statuses::StatusesService statuses;
  interactions::InteractionsService interactions;
  statuses::StatusViews views;
  obs::Metrics metrics;
  std::unique_ptr<FeedEngine> engine;
  std::unique_ptr<HomeTimeline> home;
  std::vector<uint64_t> all;  // every status ever made, by the property test
};

TEST(HomeTimeline, ShowsPostsOfFollowedAccountsAtOnce) {
  World world;
  world.relationships.Follow(world.alice, world.bob, {});
  EXPECT_TRUE(world.Home(world.alice).empty());
  StatusId id = world.Post(world.bob, "hello");
  EXPECT_EQ(world.Home(world.alice), std::vector<uint64_t>{id.value()});
  EXPECT_TRUE(world.Home(world.charlie).empty());
}

TEST(HomeTimeline, ShowsOldPostsAfterAFollowAndHidesThemAfterAnUnfollow) {
  World world;
  StatusId id = world.Post(world.bob, "before");
  EXPECT_TRUE(world.Home(world.alice).empty());
  world.relationships.Follow(world.alice, world.bob, {});
  EXPECT_EQ(world.Home(world.alice), std::vector<uint64_t>{id.value()});
  world.relationships.Unfollow(world.alice, world.bob);
  EXPECT_TRUE(world.Home(world.alice).empty());
}

TEST(HomeTimeline, ReachesBeyondTheRingWithoutACliff) {
  World world;
  world.relationships.Follow(world.alice, world.bob, {});
  world.Home(world.alice);
  std::vector<uint64_t> posted;
  for (size_t i = 0; i < limits::kFeedEntriesMax + 50; ++i) {
    posted.push_back(world.Post(world.bob, "post").value());
  }
  std::ranges::reverse(posted);
  EXPECT_EQ(world.Home(world.alice, 40), posted);
  EXPECT_EQ(world.HomeUpwards(world.alice, 40), posted);
}

TEST(HomeTimeline, ShowsABoostOnlyWhereTheOriginalIsNotNear) {
  World world;
  AccountId dave = world.Add("dave");
  for (AccountId author : {world.bob, world.charlie})
    world.relationships.Follow(world.alice, author, {});
  StatusId original = world.Post(dave, "far away");
  StatusId first = world.interactions.Reblog(world.bob, original, {});
  world.clock.AdvanceMs(5);
  StatusId second = world.interactions.Reblog(world.charlie, original, {});
  EXPECT_EQ(world.Home(world.alice), std::vector<uint64_t>{first.value()});
  world.interactions.Unreblog(world.bob, original);
  EXPECT_EQ(world.Home(world.alice), std::vector<uint64_t>{second.value()});
}

TEST(FeedEngine, EvictsTheLeastReadAndRebuildsThem) {
  World world;
  world.relationships.Follow(world.alice, world.bob, {});
  StatusId id = world.Post(world.bob, "hello");
  world.Restart({.bytes_max = 1});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(world.Home(world.alice), std::vector<uint64_t>{id.value()});
    EXPECT_EQ(world.Home(world.bob), std::vector<uint64_t>{id.value()});
  }
  EXPECT_LE(world.engine->stats().feeds, 1u);
  EXPECT_GE(world.engine->stats().rebuilds, 5u);
}

TEST(FeedEngine, SlotsOfDroppedFeedsAreUsedAgainOnlyWhenNobodyDeliversToThem) {
  World world;
  world.relationships.Follow(world.alice, world.bob, {});
  for (int round = 0; round < 600; ++round) {  // enough for several purges
    world.relationships.Follow(world.alice, world.charlie, {.notify = round % 2 == 0});
    world.Home(world.alice);
    if (round % 100 == 0) world.Post(world.charlie, "round");
  }
  world.relationships.Unfollow(world.alice, world.bob);
  world.Home(world.alice);
  world.Post(world.bob, "nobody reads this");
  EXPECT_EQ(world.Home(world.alice).size(), 6u);
}

// With a clock that goes on, and when they are large, pushes rest between slices, too.
class SlicedPush : public ::testing::TestWithParam<bool> {};

TEST_P(SlicedPush, ReachesEverybodyOnce) {
  constexpr size_t kReaders = 30, kPosts = 3;
  World world;
  world.home.reset(), world.engine.reset();
  SystemClock system;
  Clock& clock = GetParam() ? static_cast<Clock&>(system) : world.clock;
  FeedEngine engine(world.store, world.relationships, *world.bus, clock, world.random,
                    world.metrics,
                    {.slice_slots = 2, .restless_slots = GetParam() ? 10u : 100u, .pushes_max = 2});
  std::vector<AccountId> readers;
  for (size_t i = 0; i < kReaders; ++i) {
    readers.push_back(world.Add("reader" + std::to_string(i)));
    world.relationships.Follow(readers.back(), world.bob, {});
    EXPECT_TRUE(engine.Candidates(readers.back(), {}, 20, false).empty());
  }
  const uint64_t before = engine.stats().deliveries;
  std::vector<uint64_t> newest_first;
  for (size_t i = 0; i < kPosts; ++i) {
    newest_first.insert(newest_first.begin(), world.Post(world.bob, "to all").value());
  }
  const auto arrived = [&] { return engine.stats().deliveries - before; };
  const int64_t deadline_us = system.MonotonicUs() + 20'000'000;
  while (arrived() < kReaders * kPosts && system.MonotonicUs() < deadline_us) {
    world.bus->WaitUntilHandled(&engine, 1'000);
    std::this_thread::yield();
  }
  EXPECT_EQ(arrived(), kReaders * kPosts);
  for (AccountId reader : readers) {
    std::vector<uint64_t> ids;
    for (const FeedEntry& entry : engine.Candidates(reader, {}, 20, false)) ids.push_back(entry.id);
    EXPECT_EQ(ids, newest_first);
  }
}

INSTANTIATE_TEST_SUITE_P(WithoutAndWithRests, SlicedPush, ::testing::Bool());

// Random graphs, posts, deletes, boosts, blocks, mutes, follows and restarts: whatever was pushed,
// every reader's home is what the records say it must be.
class FeedProperty : public ::testing::TestWithParam<uint64_t> {};

TEST_P(FeedProperty, PushedFeedsEqualNaiveOnes) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  std::mt19937_64 dice(GetParam());
  auto below = [&](size_t bound) { return static_cast<size_t>(dice() % bound); };
  World world;
  FeedOptions small{.bytes_max = 64 * 1024, .rebuild_entries = 1 + below(20)};
  world.Restart(small);
  std::vector<AccountId> people = {world.alice, world.bob, world.charlie};
  std::vector<std::string> names = {"alice", "bob", "charlie"};
  for (std::string name : {"dora", "emil", "fay"})
    people.push_back(world.Add(name)), names.push_back(name);
  auto person = [&] { return people[below(people.size())]; };
  auto try_it = [](auto action) {
    try {
      action();
    } catch (const Error&) {  // refused, as it may be
    }
  };
  for (int step = 0; step < 500; ++step) {
    AccountId who = person(), whom = person();
    size_t kind = below(100);
    uint64_t some = world.all.empty() ? 0 : world.all[below(world.all.size())];
    if (kind < 35) {
      auto visibility = static_cast<Visibility>(below(10) < 6 ? 0 : below(4));
      std::string text = "post " + std::to_string(step);
      if (below(3) == 0) text += " @" + names[below(names.size())];
      StatusId parent = below(3) == 0 ? StatusId(some) : StatusId();
      try_it([&] {
        world.all.push_back(
            world.Post(who, text, visibility, parent, below(4) == 0 ? "de" : "en").value());
      });
    } else if (kind < 45 && some) {
      try_it([&] {
        uint64_t boost = world.interactions.Reblog(who, StatusId(some), {}).value();
        if (std::ranges::find(world.all, boost) == world.all.end()) world.all.push_back(boost);
      });
    } else if (kind < 48 && some) {
      try_it([&] { world.interactions.Unreblog(who, StatusId(some)); });
    } else if (kind < 54 && some) {
      try_it([&] { world.statuses.Delete(who, StatusId(some)); });
    } else if (kind < 70) {
      relationships::FollowOptions options;
      if (below(4) == 0) options.reblogs = below(2) == 0;
      if (below(4) == 0) options.languages = std::vector<std::string>{"en"};
      try_it([&] { world.relationships.Follow(who, whom, options); });
    } else if (kind < 74) {
      try_it([&] { world.relationships.Unfollow(who, whom); });
    } else if (kind < 76) {
      try_it([&] { world.relationships.Block(who, whom); });
    } else if (kind < 79) {
      try_it([&] { world.relationships.Unblock(who, whom); });
    } else if (kind < 81) {
      try_it([&] { world.relationships.Mute(who, whom, true, 0); });
    } else if (kind < 83) {
      try_it([&] { world.relationships.Unmute(who, whom); });
    } else if (kind < 84) {
      world.Restart(small);
    } else {
      ASSERT_EQ(world.Home(who, 1 + below(20)), world.Naive(who))
          << "step " << step << world.Difference(who);
    }
    world.clock.AdvanceMs(static_cast<int64_t>(below(3)));
  }
  for (AccountId reader : people) {
    EXPECT_EQ(world.Home(reader), world.Naive(reader));
    EXPECT_EQ(world.HomeUpwards(reader), world.Naive(reader));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FeedProperty, ::testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace stampede::feeds
