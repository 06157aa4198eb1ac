#include "net/scopes.h"

#include <gtest/gtest.h>

namespace stampede::net {
namespace {

ScopeSet Scopes(std::string_view words) { return ScopeSet::Parse(words).value(); }

TEST(ScopeSet, AParentGrantsItsChildrenButNoMore) {
  EXPECT_TRUE(Scopes("read").Includes(Scopes("read:statuses read:lists")));
  EXPECT_TRUE(Scopes("write").Includes(Scopes("write:media")));
  EXPECT_FALSE(Scopes("read").Includes(Scopes("write:media")));
  EXPECT_FALSE(Scopes("read:statuses").Includes(Scopes("read")));
  EXPECT_TRUE(Scopes("admin:read").Includes(Scopes("admin:read:accounts")));
  EXPECT_FALSE(Scopes("read write").Includes(Scopes("admin:read:accounts")));
  EXPECT_FALSE(Scopes("read").Includes(Scopes("profile")));
}

TEST(ScopeSet, FollowCoversBlocksFollowsAndMutes) {
  ScopeSet follow = Scopes("follow");
  EXPECT_TRUE(follow.Includes(Scopes("read:blocks write:blocks read:follows write:follows")));
  EXPECT_TRUE(follow.Includes(Scopes("read:mutes write:mutes")));
  EXPECT_FALSE(follow.Includes(Scopes("read:accounts")));
}

TEST(ScopeSet, AnyOfSeveralAlternativesSuffices) {
  EXPECT_TRUE(Scopes("profile").IncludesAnyOf(Scopes("profile read:accounts")));
  EXPECT_TRUE(Scopes("read").IncludesAnyOf(Scopes("profile read:accounts")));
  EXPECT_FALSE(Scopes("push").IncludesAnyOf(Scopes("profile read:accounts")));
}

TEST(ScopeSet, WordsAreReadInAnyOrderAndWrittenInOurs) {
  EXPECT_EQ(Scopes(" push\tread  write:statuses\n").ToString(), "read push write:statuses");
  EXPECT_EQ(Scopes(""), ScopeSet());
  EXPECT_FALSE(ScopeSet::Parse("read nonsense"));
  EXPECT_FALSE(ScopeSet::Parse("Read"));
}

TEST(ScopeSet, StoredBitsNeverMove) {
  EXPECT_EQ(AllScopes().size(), 47u);
  EXPECT_EQ(Scopes("profile").bits(), 1u);
  EXPECT_EQ(Scopes("read write follow push").bits(), 0b11110u);
  EXPECT_EQ(Scopes("write:statuses").bits(), uint64_t{1} << 32);
  EXPECT_EQ(Scopes("admin:write:canonical_email_blocks").bits(), uint64_t{1} << 46);
}

}  // namespace
}  // namespace stampede::net
