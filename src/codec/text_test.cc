#include "codec/text.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

using Strings = std::vector<std::string>;

Strings Found(Entity::Kind kind, std::string_view text) {
  Strings found;
  for (const Entity& entity : FindEntities(text)) {
    if (entity.kind == kind) found.push_back(entity.text);
  }
  return found;
}
Strings Urls(std::string_view text) { return Found(Entity::kUrl, text); }
Strings Mentions(std::string_view text) { return Found(Entity::kMention, text); }
Strings Tags(std::string_view text) { return Found(Entity::kHashtag, text); }

std::string Repeated(std::string_view part, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += part;
  return text;
}

TEST(FindUrls, NeedsASchemeAndAPublicHost) {
  EXPECT_EQ(Urls("see https://example.org and http://a.example/x"),
            (Strings{"https://example.org", "http://a.example/x"}));
  EXPECT_EQ(Urls("HTTPS://Example.ORG/"), Strings{"HTTPS://Example.ORG/"});
  EXPECT_EQ(Urls("https://example.org:8443/x https://a-b.c-d.example"),
            (Strings{"https://example.org:8443/x", "https://a-b.c-d.example"}));
  for (std::string_view none :
       {"example.org", "http://localhost/x", "http://127.0.0.1/", "https://", "https://.org",
        "xhttp://example.org", "@https://example.org", "ftp://example.org", "https:///x",
        "https://a:b@example.org/", "https://example.org@evil.example/",
        "https://example.org:90000", "https://example.org:99999999999/",
        "https://a.example:80@b.example"}) {
    EXPECT_EQ(Urls(none), Strings{}) << none;
  }
}

TEST(FindUrls, LeavesOutWhatBelongsToTheSentence) {
  const std::pair<const char*, const char*> kCases[] = {
      {"Read http://www.example.com/post/50-states.", "http://www.example.com/post/50-states"},
      {"(http://example.com/)", "http://example.com/"},
      {"http://www.example.com!", "http://www.example.com"},
      {"'http://www.example.com'", "http://www.example.com"},
      {"<http://www.example.com>", "http://www.example.com"},
      {"\"https://example.com/\"", "https://example.com/"},
      {"“https://example.com/a”", "https://example.com/a"},
      {"「https://example.org/」です", "https://example.org/"},
      {"https://example.com/a,b?", "https://example.com/a,b"},
      {"https://example.com/?", "https://example.com/"},
      {"[https://example.org/]", "https://example.org/"},
      {"**https://example.org/a**", "https://example.org/a"},
      {"https://example.com/　abc123", "https://example.com/"},
      {"https://example.comです", "https://example.com"},
      {"これhttps://example.com。次", "https://example.com"},
      {"http://example.com/b<del>b</del>", "http://example.com/b"},
      {"https://example.com.\nnext", "https://example.com"},
  };
  for (auto [text, url] : kCases) EXPECT_EQ(Urls(text), Strings{url}) << text;
}

TEST(FindUrls, KeepsWhatBelongsToTheUrl) {
  for (const char* url :
       {"https://en.wikipedia.org/wiki/Diaspora_(software)",
        "https://example.org/a_(b_(c))_d?x=(1)", "https://ja.wikipedia.org/wiki/日本",
        "https://ko.wikipedia.org/wiki/대한민국", "https://zh.wikipedia.org/wiki/中华人民共和国",
        "https://example.org/TW@", "https://nic.みんな/", "https://bücher.example/ä?q=ö#ü",
        "https://example.org/@alice/1234", "https://example.org/#/a/b", "https://example.org?a=b",
        "https://example.org/a?x=1&y[]=2&z=%20+~a",
        "https://fa.wikipedia.org/wiki/می‌خواهم", "https://he.wikipedia.org/wiki/עברית",
        "https://example.org/👍"}) {
    EXPECT_EQ(Urls(url), Strings{url});
    EXPECT_EQ(Urls(std::string("(") + url + ")."), Strings{url});
    EXPECT_EQ(FindEntities(url).size(), 1u) << url;
  }
}

TEST(FindUrls, AnOpenParenthesisWithoutPartnerEndsTheUrl) {
  EXPECT_EQ(Urls("https://example.org/a(b"), Strings{"https://example.org/a"});
  EXPECT_EQ(Urls("https://example.org/a_(b)_(c"), Strings{"https://example.org/a_(b)_"});
  EXPECT_EQ(Urls("https://example.org/a)b"), Strings{"https://example.org/a"});
}

TEST(FindMentions, ReadsLocalAndRemoteHandles) {
  EXPECT_EQ(Mentions("@alice hello"), Strings{"alice"});
  EXPECT_EQ(Mentions("hi @alice@example.org."), Strings{"alice@example.org"});
  EXPECT_EQ(Mentions("@alice, @Bob_1: (@charlie)"), (Strings{"alice", "Bob_1", "charlie"}));
  EXPECT_EQ(Mentions("@a.b-c@sub.example-host.org's"), Strings{"a.b-c@sub.example-host.org"});
  EXPECT_EQ(Mentions("@alice@"), Strings{"alice"});
  EXPECT_EQ(Mentions("@alice."), Strings{"alice"});
  EXPECT_EQ(Mentions("@alice@münchen.example"), Strings{"alice@münchen.example"});
  EXPECT_EQ(Mentions("@@alice"), Strings{"alice"});
  EXPECT_EQ(Mentions("「@alice」"), Strings{"alice"});
  EXPECT_EQ(Mentions("مرحبا @alice@example.org شكرا"), Strings{"alice@example.org"});
  EXPECT_EQ(Mentions("@alice@example.orgさん"), Strings{"alice@example.org"});
}

TEST(FindMentions, AreNotPartsOfWordsOrUrls) {
  for (std::string_view none : {"alice@example.org", "x@alice", "日本@alice", "a=@alice", "/@alice",
                                "https://example.org/@alice", "http://localhost/@alice", "@", "@ a",
                                "@-alice", "_@alice"}) {
    EXPECT_EQ(Mentions(none), Strings{}) << none;
  }
}

TEST(FindMentions, OverlongHandlesArePlainText) {
  std::string user(kMentionUserBytesMax, 'a'), domain(kMentionDomainBytesMax, 'd');
  EXPECT_EQ(Mentions("@" + user + "@" + domain), Strings{user + "@" + domain});
  EXPECT_EQ(Mentions("@" + user + "a"), Strings{});
  EXPECT_EQ(Mentions("@" + user + "@" + domain + "d"), Strings{});
}

TEST(FindHashtags, StandAfterWhiteSpaceAndHoldALetter) {
  EXPECT_EQ(Tags("#hello #World2 ＃日本語"), (Strings{"hello", "World2", "日本語"}));
  EXPECT_EQ(Tags("a\n#tag"), Strings{"tag"});
  EXPECT_EQ(Tags("あ\u3000#タグ"), Strings{"タグ"});
  EXPECT_EQ(Tags("#hashtag, #tag."), (Strings{"hashtag", "tag"}));
  EXPECT_EQ(Tags("#2024_05 #1·2 #a・b #می‌خواهم #_x"),
            (Strings{"2024_05", "1·2", "a・b", "می‌خواهم", "_x"}));
  EXPECT_EQ(Tags("#caf\u00E9 #d\u0301x #Привет #עברית"),
            (Strings{"caf\u00E9", "d\u0301x", "Привет", "עברית"}));
  EXPECT_EQ(Tags("#a· #b‌"), (Strings{"a", "b"}));
  for (std::string_view none : {"#1", "#123", "#", "# a", "##a", "a#b", "x#tag", "(#tag)", "#·a",
                                "#-a", "#🎉", "https://example.org/#tag", "#12·"}) {
    EXPECT_EQ(Tags(none), Strings{}) << none;
  }
}

TEST(FindHashtags, OverlongTagsArePlainText) {
  std::string tag(kTagBytesMax, 't');
  EXPECT_EQ(Tags("#" + tag), Strings{tag});
  EXPECT_EQ(Tags("#" + tag + "t"), Strings{});
}

TEST(FindEntities, GivesTheirPlacesInOrder) {
  std::string text = "é @alice #tag https://example.org/x, end";
  std::vector<Entity> entities = FindEntities(text);
  ASSERT_EQ(entities.size(), 3u);
  EXPECT_EQ(text.substr(entities[0].begin, entities[0].end - entities[0].begin), "@alice");
  EXPECT_EQ(text.substr(entities[1].begin, entities[1].end - entities[1].begin), "#tag");
  EXPECT_EQ(text.substr(entities[2].begin, entities[2].end - entities[2].begin),
            "https://example.org/x");
}

TEST(FindEntities, ReturnsOnHostileInput) {
  for (std::string_view part : {"(",
                                "@",
                                "#",
                                " #",
                                "＃",
                                "h",
                                "http://",
                                "http://a.b/(",
                                "http://a.b/((((",
                                "http://a.b/)",
                                "http://a.b/.",
                                "@a@a.",
                                "@a.",
                                "@a-",
                                "a.",
                                "http://a.",
                                "@a@",
                                " #1",
                                " #a·",
                                "#·",
                                "\xFF",
                                "\xEF",
                                "http://a.b/(http://a.b/(.",
                                "@\xFF",
                                "http://あ",
                                "http://a.b:",
                                "http://a.b/?"}) {
    std::string text = Repeated(part, limits::kStatusTextBytesMax);
    size_t last = 0;
    for (const Entity& entity : FindEntities(text)) {
      EXPECT_GE(entity.begin, last);
      EXPECT_GT(entity.end, entity.begin);
      last = entity.end;
    }
    EXPECT_LE(last, text.size());
    for (const char* prefix : {"http://a.b/", "@a@", " #a"}) FindEntities(prefix + text);
  }
}

TEST(StatusLength, CountsUrlsAs23AndMentionsWithoutTheirDomain) {
  EXPECT_EQ(StatusLength("", "hello"), 5u);
  EXPECT_EQ(StatusLength("cw", "hello"), 7u);
  EXPECT_EQ(StatusLength("", "https://example.org/" + std::string(400, 'a')), 23u);
  EXPECT_EQ(StatusLength("", "a https://x.example b"), 27u);
  EXPECT_EQ(StatusLength("", "@alice@example.org hi"), 9u);
  EXPECT_EQ(StatusLength("", "👨‍👩‍👧‍👦é日"), 3u);
  EXPECT_EQ(StatusLength("", "#tag"), 4u);
  EXPECT_EQ(StatusLength("", ""), 0u);
}

TEST(NormalizeTag, IsTheSameForEverySpelling) {
  EXPECT_EQ(NormalizeTag("HelloWorld"), "helloworld");
  EXPECT_EQ(NormalizeTag("Café"), "cafe");
  EXPECT_EQ(NormalizeTag("cafe\u0301"), "cafe");
  EXPECT_EQ(NormalizeTag("ŁódźÐØħ"), "lodzdoh");
  EXPECT_EQ(NormalizeTag("Ｓｙｎｔｈｗａｖｅ"), "synthwave");
  EXPECT_EQ(NormalizeTag("ｶﾀｶﾅ"), "カタカナ");
  EXPECT_EQ(NormalizeTag("Москва"), "москва");
  EXPECT_EQ(NormalizeTag("a・b_c·d"), "a・b_c·d");
  EXPECT_EQ(NormalizeTag("#my tag!🎉"), "mytag");
  EXPECT_EQ(NormalizeTag("เด็กไทย"), "เด็กไทย");
  EXPECT_EQ(NormalizeTag("straße"), "straße");
  EXPECT_EQ(NormalizeTag("!?"), "");
}

TEST(NormalizeTag, IsStableAndValidUtf8OnAnyInput) {
  for (std::string_view tag : {"İstanbul", "ﬁx", "\xFF\xFEx", "ŉ", "①２", "Ω"}) {
    std::string once = NormalizeTag(tag);
    EXPECT_EQ(NormalizeTag(once), once) << tag;
    EXPECT_TRUE(IsValidUtf8(once));
  }
}

TEST(Username, IsShortAndPlain) {
  for (const char* name : {"alice", "Bob_1", "_", "123", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_TRUE(IsValidUsername(name)) << name;
  }
  for (const char* name :
       {"", "a b", "a.b", "a-b", "é", "alice@example.org", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(IsValidUsername(name)) << name;
  }
}

}  // namespace
}  // namespace stampede::codec
