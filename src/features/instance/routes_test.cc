#include "features/instance/routes.h"

#include <gtest/gtest.h>

#include "features/instance/keys.h"
#include "features/instance/page.h"
#include "features/instance/vapid.h"
#include "features/testing/web.h"

namespace stampede::instance {
namespace {

using stampede::testing::Web;

class InstanceRoutesTest : public ::testing::Test, public stampede::testing::Cast {
 protected:
  static std::string Text(const boost::json::value& json, std::string_view pointer) {
    return std::string(json.at_pointer(pointer).as_string());
  }
  Web web{*this};
};

TEST_F(InstanceRoutesTest, BothVersionsHaveEveryKeyOfTheirEntity) {
  auto v2 = web.Get("/api/v2/instance").Json();
  for (std::string_view key : {"domain", "title", "version", "source_url", "description", "usage",
                               "thumbnail", "icon", "languages", "configuration", "registrations",
                               "api_versions", "wrapstodon", "contact", "rules"}) {
    EXPECT_TRUE(v2.as_object().contains(key)) << key;
  }
  for (std::string_view key : {"urls", "vapid", "accounts", "statuses", "media_attachments",
                               "polls", "translation", "timelines_access", "limited_federation"}) {
    EXPECT_TRUE(v2.at("configuration").as_object().contains(key)) << key;
  }
  EXPECT_EQ(Text(v2, "/configuration/urls/streaming"), "wss://social.example");
  auto v1 = web.Get("/api/v1/instance").Json();
  for (std::string_view key :
       {"uri", "title", "short_description", "description", "email", "version", "urls", "stats",
        "thumbnail", "languages", "registrations", "approval_required", "invites_enabled",
        "configuration", "contact_account", "rules"}) {
    EXPECT_TRUE(v1.as_object().contains(key)) << key;
  }
  EXPECT_EQ(v1.at_pointer("/stats/user_count").as_int64(), 3);
  EXPECT_TRUE(v1.at("registrations").as_bool());
}

TEST_F(InstanceRoutesTest, StatusesAreCountedAtMostAMinuteLate) {
  web.Get("/api/v1/instance");
  store::Batch batch;
  CountStatus(batch, ids.Next<StatusId>(alice.partition()), 1);
  CountStatus(batch, ids.Next<StatusId>(bob.partition()), 1);
  ASSERT_TRUE(store.Commit(batch));
  clock.AdvanceMs(60'000);
  EXPECT_EQ(web.Get("/api/v1/instance").Json().at_pointer("/stats/status_count").as_int64(), 2);
  auto weeks = web.Get("/api/v1/instance/activity").Json();
  ASSERT_EQ(weeks.as_array().size(), 12u);
  EXPECT_EQ(Text(weeks, "/0/statuses"), "2");
  EXPECT_EQ(Text(weeks, "/0/registrations"), "3");
  EXPECT_EQ(Text(weeks, "/1/statuses"), "0");
}

TEST_F(InstanceRoutesTest, WeeksStartOnMonday) {
  constexpr int64_t kMonday = 1'699'833'600'000;  // 2023-11-13
  EXPECT_EQ(WeekStartMs(WeekOf(kMonday)), kMonday);
  EXPECT_EQ(WeekOf(kMonday - 1) + 1, WeekOf(kMonday));
  EXPECT_EQ(WeekOf(kMonday + 7LL * 24 * 3600 * 1000 - 1), WeekOf(kMonday));
}

TEST_F(InstanceRoutesTest, TheWebPushKeyIsAPointOnItsCurveAndStaysTheSame) {
  std::string key = Text(web.Get("/api/v2/instance").Json(), "/configuration/vapid/public_key");
  EXPECT_EQ(key.size(), 87u);
  EXPECT_TRUE(key.starts_with('B'));  // 0x04: uncompressed
  EXPECT_EQ(InstanceService(committer, random).VapidPublicKey(), key);
  EXPECT_NE(MakeVapidKeys(random).public_key, MakeVapidKeys(random).public_key);
}

TEST_F(InstanceRoutesTest, WebfingerKnowsLocalAccountsByEveryName) {
  for (std::string resource :
       {"acct:alice@social.example", "acct%3AAlice@social.example", "alice@social.example",
        "https://social.example/@alice", "https://social.example/users/alice"}) {
    auto answer = web.Get("/.well-known/webfinger?resource=" + resource);
    EXPECT_EQ(answer.status, 200) << resource;
    if (answer.status != 200) continue;
    EXPECT_EQ(Text(answer.Json(), "/subject"), "acct:alice@social.example");
    EXPECT_TRUE(answer.type.starts_with("application/jrd+json"));
  }
  for (std::string resource : {"acct:nobody@social.example", "acct:alice@elsewhere.example",
                               "alice", "https://elsewhere.example/@alice"}) {
    EXPECT_EQ(web.Get("/.well-known/webfinger?resource=" + resource).status, 404) << resource;
  }
  EXPECT_EQ(web.Get("/.well-known/webfinger").status, 400);
}

TEST_F(InstanceRoutesTest, EveryPublicDocumentIsThere) {
  for (std::string path :
       {"/api/v1/instance/rules", "/api/v1/instance/peers", "/api/v1/instance/languages",
        "/api/v1/instance/domain_blocks", "/api/v1/instance/translation_languages",
        "/api/v1/instance/privacy_policy", "/api/v1/instance/extended_description",
        "/api/v1/custom_emojis", "/.well-known/nodeinfo", "/nodeinfo/2.0", "/manifest"}) {
    auto answer = web.Get(path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_NO_THROW(answer.Json()) << path;
    EXPECT_EQ(answer.Header("Cache-Control"), "public, max-age=300") << path;
  }
  for (std::string path : {"/.well-known/host-meta", "/robots.txt", "/favicon.svg", "/about",
                           "/privacy-policy", StylePath().c_str()}) {
    EXPECT_EQ(web.Get(path).status, 200) << path;
  }
  EXPECT_EQ(Text(web.Get("/nodeinfo/2.0").Json(), "/metadata/upstream/name"), "mastodon");
}

TEST_F(InstanceRoutesTest, DefaultPicturesAreDrawnAndCachedForEver) {
  auto avatar = web.Get("/media/default/avatar/123.png");
  EXPECT_EQ(avatar.status, 200);
  EXPECT_EQ(avatar.type, "image/png");
  EXPECT_EQ(web.Get("/media/default/avatar/123.png").body, avatar.body);
  auto again = web.Call(net::Method::kGet, "/media/default/avatar/123.png",
                        {{"if-none-match", avatar.Header("ETag")}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  for (std::string path : {"/media/default/avatar/x.png", "/media/default/icon/5.png",
                           "/media/default/avatar/-1.png", "/media/x"}) {
    EXPECT_EQ(web.Get(path).status, 404) << path;
  }
}

TEST_F(InstanceRoutesTest, PagesEscapeWhatTheyShow) {
  PageContent page;
  page.title = "<b>\"";
  page.description = "\"><script>";
  page.url = "https://social.example/";
  std::string html = RenderPage(site, page);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;"), std::string::npos);
}

}  // namespace
}  // namespace stampede::instance
