#include "features/accounts/routes.h"

#include <gtest/gtest.h>

#include "codec/identicon.h"
#include "features/relationships/policy.h"
#include "features/testing/web.h"

namespace stampede::accounts {
namespace {

using stampede::testing::Web;

class AccountRoutesTest : public ::testing::Test, public stampede::testing::Cast {
 protected:
  Web::Answer Patch(const std::string& token, std::string body, std::string type) {
    Web::Pairs headers = Web::Bearer(token);
    headers.emplace_back("content-type", std::move(type));
    return web.Call(net::Method::kPatch, "/api/v1/accounts/update_credentials", std::move(headers),
                    std::move(body));
  }
  Web::Answer PatchJson(const std::string& token, std::string body) {
    return Patch(token, std::move(body), "application/json");
  }
  static std::string Text(const boost::json::value& json, std::string_view pointer) {
    return std::string(json.at_pointer(pointer).as_string());
  }

  Web web{*this};
};

TEST_F(AccountRoutesTest, VerifyCredentialsHasEveryKeyOfTheEntity) {
  auto json = web.Get("/api/v1/accounts/verify_credentials", web.Token(alice)).Json();
  for (std::string_view key : {"id",
                               "username",
                               "acct",
                               "display_name",
                               "locked",
                               "bot",
                               "discoverable",
                               "indexable",
                               "group",
                               "created_at",
                               "note",
                               "url",
                               "uri",
                               "avatar",
                               "avatar_static",
                               "avatar_description",
                               "header",
                               "header_static",
                               "header_description",
                               "followers_count",
                               "following_count",
                               "statuses_count",
                               "last_status_at",
                               "hide_collections",
                               "show_media",
                               "show_media_replies",
                               "show_featured",
                               "emojis",
                               "feature_approval",
                               "fields",
                               "noindex",
                               "roles",
                               "source",
                               "role"}) {
    EXPECT_TRUE(json.as_object().contains(key)) << key;
  }
  for (std::string_view key :
       {"privacy", "sensitive", "language", "note", "fields", "follow_requests_count",
        "hide_collections", "discoverable", "indexable", "attribution_domains", "quote_policy"}) {
    EXPECT_TRUE(json.at("source").as_object().contains(key)) << key;
  }
  EXPECT_EQ(Text(json, "/url"), "https://social.example/@alice");
  EXPECT_EQ(Text(json, "/source/privacy"), "public");
}

TEST_F(AccountRoutesTest, SignUpAnswersATokenThatWorksAtOnceWhereRegistrationsAreOpen) {
  std::string app = web.Token(AccountId());
  auto answer = web.Post("/api/v1/accounts",
                         {{"username", "dana"},
                          {"email", "dana@example.org"},
                          {"password", "dana-password"},
                          {"agreement", "true"},
                          {"locale", "en"}},
                         app);
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::string token = Text(answer.Json(), "/access_token");
  auto me = web.Get("/api/v1/accounts/verify_credentials", token);
  EXPECT_EQ(Text(me.Json(), "/username"), "dana");
}

TEST_F(AccountRoutesTest, WhereApprovalIsNeededTheTokenWaitsAndTheAccountIsHidden) {
  site.registrations = Registrations::kApproval;
  Web::Pairs form = {{"username", "dana"},
                     {"email", "dana@example.org"},
                     {"password", "dana-password"},
                     {"agreement", "true"}};
  auto answer = web.Post("/api/v1/accounts", form, web.Token(AccountId()));
  std::string token = Text(answer.Json(), "/access_token");
  auto me = web.Get("/api/v1/accounts/verify_credentials", token);
  EXPECT_EQ(me.status, 403);
  EXPECT_EQ(Text(me.Json(), "/error"), "Your login is currently pending approval");
  EXPECT_EQ(web.Get("/api/v1/accounts/lookup?acct=dana").status, 404);
  accounts.ApproveUser(*accounts.FindByName("dana"));
  EXPECT_EQ(web.Get("/api/v1/accounts/verify_credentials", token).status, 200);
  EXPECT_EQ(web.Get("/api/v1/accounts/lookup?acct=dana").status, 200);
}

TEST_F(AccountRoutesTest, SignUpNamesTheBrokenRulesInDetails) {
  auto answer = web.Post("/api/v1/accounts", {{"username", "alice"}}, web.Token(AccountId()));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(Text(answer.Json(), "/details/username/0/error"), "ERR_TAKEN");
  EXPECT_EQ(Text(answer.Json(), "/details/email/0/error"), "ERR_BLANK");
  EXPECT_EQ(web.Post("/api/v1/accounts", {}).status, 401);
  EXPECT_EQ(web.Post("/api/v1/accounts", {}, web.Token(AccountId(), "read")).status, 403);
}

TEST_F(AccountRoutesTest, FindsAccountsByIdNameAndList) {
  EXPECT_EQ(Text(web.Get("/api/v1/accounts/lookup?acct=Alice@social.example").Json(), "/id"),
            alice.ToString());
  EXPECT_EQ(Text(web.Get("/api/v1/accounts/" + bob.ToString()).Json(), "/acct"), "bob");
  EXPECT_EQ(web.Get("/api/v1/accounts/1").status, 404);
  EXPECT_EQ(web.Get("/api/v1/accounts/lookup?acct=nobody").status, 404);
  auto list =
      web.Get("/api/v1/accounts?id[]=" + bob.ToString() + "&id[]=1&id[]=" + alice.ToString());
  ASSERT_EQ(list.Json().as_array().size(), 2u);
  EXPECT_EQ(Text(list.Json(), "/0/username"), "bob");
  std::string many = "/api/v1/accounts?";
  for (int i = 1; i <= 41; ++i) many += "id[]=" + std::to_string(i) + "&";
  EXPECT_EQ(web.Get(many).status, 422);
}

TEST_F(AccountRoutesTest, TheProfileChangesByFormAndByJson) {
  std::string token = web.Token(alice);
  auto answer = PatchJson(token, R"({"display_name":"A","locked":true,"source":{"privacy":"private",
      "language":"fr"},"fields_attributes":{"0":{"name":"a","value":"b"},"1":{"name":"","value":""}}})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(Text(answer.Json(), "/display_name"), "A");
  EXPECT_EQ(Text(answer.Json(), "/source/privacy"), "private");
  EXPECT_EQ(answer.Json().at_pointer("/fields").as_array().size(), 1u);
  auto list = PatchJson(token, R"({"fields_attributes":[{"name":"x","value":"y"}]})");
  EXPECT_EQ(Text(list.Json(), "/source/fields/0/name"), "x");
  auto form =
      Patch(token, "note=hello&source%5Bsensitive%5D=true", "application/x-www-form-urlencoded");
  EXPECT_EQ(Text(form.Json(), "/note"), "<p>hello</p>");
  EXPECT_EQ(Text(form.Json(), "/display_name"), "A");
  auto preferences = web.Get("/api/v1/preferences", token).Json();
  EXPECT_EQ(preferences.at("posting:default:visibility").as_string(), "private");
  EXPECT_TRUE(preferences.at("posting:default:sensitive").as_bool());
  EXPECT_EQ(PatchJson(token, R"({"source":{"privacy":"secret"}})").status, 422);
  EXPECT_EQ(PatchJson(web.Token(alice, "read"), "{}").status, 403);
}

TEST_F(AccountRoutesTest, UnlockingAcceptsWhoeverIsWaiting) {
  std::string token = web.Token(alice);
  PatchJson(token, R"({"locked":true})");
  web.relationships.Follow(bob, alice, {});
  EXPECT_TRUE(web.relationships.GetTies(bob, alice).requested());
  PatchJson(token, R"({"locked":false})");
  EXPECT_TRUE(web.relationships.GetTies(bob, alice).following());
}

TEST_F(AccountRoutesTest, AnUploadedAvatarIsCroppedServedAndDeleted) {
  std::string token = web.Token(alice);
  std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.txt\"\r\n"
      "Content-Type: text/plain\r\n\r\n" +
      codec::HeaderPng(7, 800, 300) + "\r\n--b--\r\n";
  auto answer = Patch(token, body, "multipart/form-data; boundary=b");
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::string url = Text(answer.Json(), "/avatar");
  ASSERT_TRUE(url.starts_with("https://social.example/media/"));
  auto picture = web.Get(url.substr(strlen("https://social.example")));
  EXPECT_EQ(picture.status, 200);
  EXPECT_TRUE(picture.type == "image/jpeg" || picture.type == "image/png") << picture.type;
  EXPECT_NE(picture.Header("Cache-Control").find("immutable"), std::string::npos);
  auto removed = web.Call(net::Method::kDelete, "/api/v1/profile/avatar", Web::Bearer(token));
  EXPECT_NE(Text(removed.Json(), "/avatar").find("/media/default/avatar/"), std::string::npos);
  EXPECT_EQ(web.Get(url.substr(strlen("https://social.example"))).status, 404);
}

TEST_F(AccountRoutesTest, AnAvatarThatIsNoPictureIsRefused) {
  std::string token = web.Token(alice);
  for (std::string bytes : {"hello", "\x89PNG\r\n\x1a\nbroken"}) {
    std::string body =
        "--b\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\n"
        "Content-Type: image/png\r\n\r\n" +
        bytes + "\r\n--b--\r\n";
    auto answer = Patch(token, body, "multipart/form-data; boundary=b");
    EXPECT_EQ(answer.status, 422);
    EXPECT_TRUE(Text(answer.Json(), "/error").starts_with("Validation failed: Avatar"))
        << answer.body;
  }
}

}  // namespace
}  // namespace stampede::accounts
