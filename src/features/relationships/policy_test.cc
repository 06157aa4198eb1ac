#include "features/relationships/policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace stampede::relationships {
namespace {

constexpr AccountId kAuthor(1), kViewer(2), kNobody;

std::shared_ptr<const RelationRecord> Relation(auto set) {
  auto record = std::make_shared<RelationRecord>();
  set(*record);
  return record;
}

Ties Following() {
  return {.mine = Relation([](RelationRecord& r) { r.mutable_follow()->set_id(1); })};
}
Ties BlockedBy() {
  return {.theirs = Relation([](RelationRecord& r) { r.mutable_block()->set_id(1); })};
}
Ties Muting(int64_t until_ms) {
  return {.mine = Relation([&](RelationRecord& r) { r.mutable_mute()->set_expires_ms(until_ms); })};
}

struct Seen {
  bool nobody, stranger, follower, mentioned, blocked, author;
  bool operator==(const Seen&) const = default;
};

Seen WhoSees(Visibility visibility) {
  const std::vector<AccountId> mentions = {kViewer};
  StatusFacts status{.author = kAuthor, .visibility = visibility};
  StatusFacts mentioning = status;
  mentioning.mentions = mentions;
  return {.nobody = Visible(kNobody, mentioning, {}),
          .stranger = Visible(kViewer, status, {}),
          .follower = Visible(kViewer, status, Following()),
          .mentioned = Visible(kViewer, mentioning, {}),
          .blocked = Visible(kViewer, status, BlockedBy()),
          .author = Visible(kAuthor, status, {})};
}

TEST(RelationshipsPolicy, PublicAndUnlistedStatusesAreHiddenOnlyFromThoseTheAuthorBlocks) {
  Seen all_but_blocked{true, true, true, true, false, true};
  EXPECT_EQ(WhoSees(Visibility::kPublic), all_but_blocked);
  EXPECT_EQ(WhoSees(Visibility::kUnlisted), all_but_blocked);
}

TEST(RelationshipsPolicy, PrivateStatusesAreSeenByFollowersAndTheMentioned) {
  EXPECT_EQ(WhoSees(Visibility::kPrivate), (Seen{false, false, true, true, false, true}));
}

TEST(RelationshipsPolicy, DirectStatusesAreSeenByTheMentionedAlone) {
  EXPECT_EQ(WhoSees(Visibility::kDirect), (Seen{false, false, false, true, false, true}));
}

TEST(RelationshipsPolicy, AVisibilityOfANewerVersionIsHidden) {
  EXPECT_EQ(WhoSees(static_cast<Visibility>(9)), (Seen{false, false, false, false, false, true}));
}

TEST(RelationshipsPolicy, NothingOfASuspendedAuthorIsVisible) {
  StatusFacts status{.author = kAuthor, .author_suspended = true};
  EXPECT_FALSE(Visible(kNobody, status, {}));
  EXPECT_FALSE(Visible(kAuthor, status, {}));
}

TEST(RelationshipsPolicy, BlockingTheAuthorOneselfHidesFromListsOnly) {
  Ties ties{.mine = Relation([](RelationRecord& r) { r.mutable_block()->set_id(1); })};
  EXPECT_TRUE(Visible(kViewer, {.author = kAuthor}, ties));
  EXPECT_TRUE(HiddenFromLists(kViewer, kAuthor, ties, 0));
}

TEST(RelationshipsPolicy, AMuteEndsByItself) {
  EXPECT_TRUE(HiddenFromLists(kViewer, kAuthor, Muting(0), 5'000));
  EXPECT_TRUE(HiddenFromLists(kViewer, kAuthor, Muting(5'001), 5'000));
  EXPECT_FALSE(HiddenFromLists(kViewer, kAuthor, Muting(5'000), 5'000));
}

TEST(RelationshipsPolicy, NothingIsHiddenFromOneselfOrThePublic) {
  EXPECT_FALSE(HiddenFromLists(kAuthor, kAuthor, Muting(0), 0));
  EXPECT_FALSE(HiddenFromLists(kNobody, kAuthor, Muting(0), 0));
}

}  // namespace
}  // namespace stampede::relationships
