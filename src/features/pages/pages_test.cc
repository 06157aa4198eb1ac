#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/pages/routes.h"
#include "features/pages/view.h"
#include "features/testing/api.h"
#include "features/testing/stage.h"

namespace stampede::pages {
namespace {

using enum relationships::Visibility;
using ::testing::HasSubstr;
using ::testing::Not;

class Pages : public ::testing::Test {
 protected:
  Pages() {
    AddRoutes(api_.table, instance_, stage_.accounts, stage_.statuses, stage_.views, stage_.site,
              stage_.clock);
  }

  stampede::testing::Api::Answer Get(std::string_view target) {
    return api_.GetAnonymously(target);
  }
  std::string Body(std::string_view target) {
    auto answer = Get(target);
    EXPECT_EQ(answer.status, 200) << target;
    return answer.body;
  }
  std::string PathOf(std::string_view name, StatusId id) {
    return "/@" + std::string(name) + "/" + id.ToString();
  }
  // How many posts a page shows.
  static size_t Posts(std::string_view html) {
    size_t count = 0;
    for (size_t at = html.find("<article"); at != html.npos; at = html.find("<article", at + 1)) {
      ++count;
    }
    return count;
  }
  // What the link to older posts leads to, or empty.
  static std::string Older(std::string_view html) {
    constexpr std::string_view kStart = "rel=\"next\" href=\"";
    size_t at = html.find(kStart);
    if (at == html.npos) return {};
    at += kStart.size();
    return std::string(html.substr(at, html.find('"', at) - at));
  }

  stampede::testing::Stage stage_;
  instance::InstanceService instance_{stage_.committer, stage_.random};
  stampede::testing::Api api_{stage_};
};

TEST_F(Pages, TheFrontPageTellsWhatThisServerIsAndShowsPublicPosts) {
  stage_.Post(stage_.alice, "good morning");
  auto page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("social.example"));
  EXPECT_THAT(page.body, HasSubstr("good morning"));
  EXPECT_THAT(page.body, HasSubstr("href=\"/@alice\""));
  EXPECT_THAT(page.body, HasSubstr("Tusky"));
}

TEST_F(Pages, TheSecurityPolicyAllowsNeitherScriptsNorForms) {
  for (std::string path : {"/", "/@alice"}) {
    std::string policy = Get(path).Header("Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("form-action 'none'"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, Not(HasSubstr("script-src")));
  }
}

TEST_F(Pages, NoPageShowsWhatIsNotForEverybody) {
  StatusId post = stage_.Post(stage_.alice, "for everybody");
  stage_.Post(stage_.alice, "secret to followers", kPrivate);
  stage_.Post(stage_.alice, "secret letter to @bob", kDirect);
  stage_.Post(stage_.bob, "@alice secret answer", kPrivate, post);
  StatusId hidden = stage_.Post(stage_.alice, "secret root", kPrivate);
  stage_.Post(stage_.alice, "public below", kPublic, hidden);
  stage_.Post(stage_.alice, "only on the profile", kUnlisted);
  for (std::string path :
       {std::string("/"), std::string("/@alice"), std::string("/@alice/with_replies"),
        std::string("/@bob/with_replies"), PathOf("alice", post)}) {
    EXPECT_THAT(Body(path), Not(HasSubstr("secret"))) << path;
  }
  EXPECT_EQ(Get(PathOf("alice", hidden)).status, 404);
  EXPECT_THAT(Body("/"), Not(HasSubstr("only on the profile")));
  EXPECT_THAT(Body("/@alice"), HasSubstr("only on the profile"));
}

TEST_F(Pages, NamesBiosWarningsAndTextsNeverBecomeMarkup) {
  const std::string hostile = "\"'><script>alert(1)</script>";
  accounts::ProfilePatch patch;
  patch.display_name = hostile;
  patch.note = hostile;
  patch.fields.emplace();
  patch.fields->emplace_back(hostile, hostile);
  patch.avatar_description = hostile;
  stage_.accounts.UpdateProfile(stage_.alice, patch);
  statuses::NewStatus post{.author = stage_.alice, .text = hostile, .spoiler_text = hostile};
  post.visibility = kPublic;
  post.app_name = hostile;
  StatusId id = stage_.statuses.Post(post);
  stage_.interactions.Reblog(stage_.alice, id, std::nullopt);
  for (std::string path : {std::string("/"), std::string("/@alice"), PathOf("alice", id)}) {
    std::string html = Body(path);
    EXPECT_THAT(html, Not(HasSubstr("<script"))) << path;
    EXPECT_THAT(html, Not(HasSubstr("\"'>&lt;"))) << path;
    EXPECT_THAT(html, HasSubstr("&lt;script&gt;")) << path;
  }
}

TEST_F(Pages, APostWithAContentWarningIsFoldedBehindIt) {
  statuses::NewStatus post{.author = stage_.alice, .text = "the end", .spoiler_text = "a film"};
  stage_.statuses.Post(post);
  std::string html = Body("/@alice");
  size_t details = html.find("<details class=\"warned\">");
  ASSERT_NE(details, html.npos);
  EXPECT_LT(html.find("a film", details), html.find("the end", details));
}

TEST_F(Pages, PagingReachesEveryPostOnceAndEnds) {
  for (int i = 0; i < 45; ++i) stage_.Post(stage_.alice, "post " + std::to_string(i));
  for (std::string start : {"/", "/@alice"}) {
    size_t seen = 0, pages = 0;
    for (std::string path = start; !path.empty() && pages < 10; ++pages) {
      std::string html = Body(path);
      seen += Posts(html);
      path = Older(html);
    }
    EXPECT_EQ(seen, 45u) << start;
    EXPECT_EQ(pages, 3u) << start;
  }
}

TEST_F(Pages, AProfileFullOfAnswersStillLeadsToItsOldPosts) {
  StatusId root = stage_.Post(stage_.bob, "let us talk");
  stage_.Post(stage_.alice, "the old one");
  for (int i = 0; i < 300; ++i) stage_.Post(stage_.alice, "@bob yes", kPublic, root);
  std::string path = "/@alice";
  bool found = false;
  for (int pages = 0; !path.empty() && !found && pages < 5; ++pages) {
    std::string html = Body(path);
    found = html.find("the old one") != html.npos;
    path = Older(html);
  }
  EXPECT_TRUE(found);
}

TEST_F(Pages, TabsOfAProfileSeparateAnswersToOthers) {
  StatusId root = stage_.Post(stage_.bob, "question");
  stage_.Post(stage_.alice, "@bob answer", kPublic, root);
  StatusId own = stage_.Post(stage_.alice, "beginning");
  stage_.Post(stage_.alice, "going on", kPublic, own);
  EXPECT_EQ(Posts(Body("/@alice")), 2u);
  EXPECT_EQ(Posts(Body("/@alice/with_replies")), 3u);
}

TEST_F(Pages, APostIsShownWithItsThread) {
  StatusId first = stage_.Post(stage_.alice, "first");
  StatusId second = stage_.Post(stage_.bob, "@alice second", kPublic, first);
  StatusId third = stage_.Post(stage_.charlie, "@bob third", kPublic, second);
  stage_.Post(stage_.alice, "@charlie fourth", kPublic, third);
  std::string html = Body(PathOf("bob", second));
  EXPECT_EQ(Posts(html), 4u);
  EXPECT_LT(html.find("first"), html.find("post focused"));
  EXPECT_LT(html.find("post focused"), html.find("third"));
  EXPECT_THAT(html, HasSubstr("post depth-2"));
  EXPECT_THAT(html, HasSubstr("<link rel=\"canonical\" href=\"https://social.example/@bob/"));
}

TEST_F(Pages, ABoostShowsTheOriginalAndItsAddressLeadsThere) {
  StatusId post = stage_.Post(stage_.alice, "worth repeating");
  StatusId boost = stage_.interactions.Reblog(stage_.bob, post, std::nullopt);
  EXPECT_THAT(Body("/@bob"), HasSubstr("worth repeating"));
  EXPECT_THAT(Body("/@bob"), HasSubstr("boosted"));
  auto answer = Get(PathOf("bob", boost));
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.Header("Location"), "https://social.example" + PathOf("alice", post));
}

TEST_F(Pages, OtherAddressesLeadToTheOneOfThePage) {
  StatusId post = stage_.Post(stage_.alice, "hello");
  std::string page = "https://social.example" + PathOf("alice", post);
  for (std::string path :
       {PathOf("bob", post), PathOf("ALICE", post), "/users/alice/statuses/" + post.ToString()}) {
    auto answer = Get(path);
    EXPECT_EQ(answer.status, 301) << path;
    EXPECT_EQ(answer.Header("Location"), page) << path;
  }
  auto answer = Get("/users/alice");
  EXPECT_EQ(answer.status, 301);
  EXPECT_EQ(answer.Header("Location"), "https://social.example/@alice");
}

TEST_F(Pages, WhatDoesNotExistIsNotFound) {
  for (std::string_view path : {"/@nobody", "/@nobody/with_replies", "/@alice/1", "/@alice/x",
                                "/users/nobody", "/users/alice/statuses/1", "/@"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

TEST_F(Pages, WhoWasNotLetInYetHasNoPage) {
  accounts::NewUser user{.username = "dora", .email = "d@example.org", .password = "dora-password"};
  user.agreement = user.by_operator = true;
  stage_.accounts.SignUp(user);
  EXPECT_EQ(Get("/@dora").status, 404);
}

TEST_F(Pages, SearchEnginesAreLetInWhereTheAccountAsksForIt) {
  EXPECT_THAT(Body("/@alice"), HasSubstr("noindex"));
  stage_.accounts.UpdateProfile(stage_.alice, {.indexable = true});
  EXPECT_THAT(Body("/@alice"), Not(HasSubstr("noindex")));
}

TEST(PageTexts, TimesAreShortAndFar) {
  constexpr int64_t kNow = 1'700'000'000'000;  // 14 Nov 2023, 22:13:20 UTC
  EXPECT_EQ(RelativeTime(kNow, kNow), "just now");
  EXPECT_EQ(RelativeTime(kNow + 5'000, kNow), "just now");
  EXPECT_EQ(RelativeTime(kNow - 5 * 60'000, kNow), "5 min");
  EXPECT_EQ(RelativeTime(kNow - 3 * 3'600'000, kNow), "3 h");
  EXPECT_EQ(RelativeTime(kNow - 2 * 86'400'000LL, kNow), "2 d");
  EXPECT_EQ(RelativeTime(kNow - 9 * 86'400'000LL, kNow), "5 Nov 2023");
  EXPECT_EQ(FullTime(kNow), "14 Nov 2023, 22:13 UTC");
  EXPECT_EQ(GroupedNumber(7), "7");
  EXPECT_EQ(GroupedNumber(1'234'567), "1,234,567");
  EXPECT_EQ(GroupedNumber(123'456), "123,456");
}

}  // namespace
}  // namespace stampede::pages
