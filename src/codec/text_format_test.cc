#include <gtest/gtest.h>

#include <map>

#include "base/limits.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

class FormatText : public testing::Test {
 protected:
  FormatText() {
    context_.base_url = "https://example.org";
    context_.resolve_mention = [this](std::string_view handle) -> const MentionTarget* {
      auto it = accounts_.find(handle);
      return it == accounts_.end() ? nullptr : &it->second;
    };
  }

  std::map<std::string, MentionTarget, std::less<>> accounts_ = {
      {"alice", {"https://example.org/@alice", "alice", ""}},
      {"bob@remote.example", {"https://remote.example/@bob", "bob", "remote.example"}},
      {"Alice@remote.example", {"https://remote.example/@Alice", "Alice", "remote.example"}}};
  FormatContext context_;

  std::string Status(std::string_view text) { return FormatStatus(text, context_); }

  static std::string Mention(const std::string& url, const std::string& shown) {
    return "<span class=\"h-card\" translate=\"no\"><a href=\"" + url +
           "\" class=\"u-url mention\">@<span>" + shown + "</span></a></span>";
  }
};

TEST_F(FormatText, BlankLinesMakeParagraphsAndNewlinesBreaks) {
  EXPECT_EQ(Status("one"), "<p>one</p>");
  EXPECT_EQ(Status("one\ntwo\n\nthree\n\n\n\nfour"), "<p>one<br />two</p><p>three</p><p>four</p>");
  EXPECT_EQ(Status("one\r\ntwo\r\rthree"), "<p>one<br />two</p><p>three</p>");
  EXPECT_EQ(Status("\n\none\n"), "<p>one</p>");
  EXPECT_EQ(Status("@alice\n\n#tag").find("</p><p>"), Status("@alice").size() - 4);
  EXPECT_EQ(Status(""), "");
  EXPECT_EQ(Status(" \n\u3000\n"), "");
}

TEST_F(FormatText, MarkupIsEscaped) {
  EXPECT_EQ(Status("<script>alert('x')</script> & \"y\""),
            "<p>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;</p>");
  EXPECT_EQ(Status("a\xFFz"), "<p>a\uFFFDz</p>");
}

TEST_F(FormatText, ShortLinksAreShownWithoutTheirScheme) {
  EXPECT_EQ(Status("https://example.com/a"),
            "<p><a href=\"https://example.com/a\" target=\"_blank\" rel=\"nofollow noopener\" "
            "translate=\"no\"><span class=\"invisible\">https://</span><span class=\"\">"
            "example.com/a</span><span class=\"invisible\"></span></a></p>");
}

TEST_F(FormatText, LongLinksAreCutAfter30Characters) {
  EXPECT_EQ(Status("http://www.example.com/日本/012345678901234567890?a=1&b=2"),
            "<p><a href=\"http://www.example.com/日本/012345678901234567890?a=1&amp;b=2\" "
            "target=\"_blank\" rel=\"nofollow noopener\" translate=\"no\">"
            "<span class=\"invisible\">http://www.</span><span class=\"ellipsis\">"
            "example.com/日本/012345678901234</span><span class=\"invisible\">567890?a=1&amp;b=2"
            "</span></a></p>");
}

TEST_F(FormatText, ASingleCharacterIsNotCutOff) {
  std::string path(19, 'x');  // with "example.com/" 31 characters
  EXPECT_NE(
      Status("https://example.com/" + path).find("<span class=\"\">example.com/" + path + "<"),
      std::string::npos);
  EXPECT_NE(Status("https://example.com/" + path + "x").find("<span class=\"invisible\">xx</span>"),
            std::string::npos);
}

TEST_F(FormatText, MentionsAreLinksAndUnknownOnesStayText) {
  EXPECT_EQ(Status("hi @alice, @bob@remote.example @nobody"),
            "<p>hi " + Mention("https://example.org/@alice", "alice") + ", " +
                Mention("https://remote.example/@bob", "bob") + " @nobody</p>");
}

TEST_F(FormatText, DomainsAreShownWhenTwoMentionedAccountsShareAName) {
  EXPECT_EQ(Status("@alice @Alice@remote.example @bob@remote.example @alice"),
            "<p>" + Mention("https://example.org/@alice", "alice") + " " +
                Mention("https://remote.example/@Alice", "Alice@remote.example") + " " +
                Mention("https://remote.example/@bob", "bob") + " " +
                Mention("https://example.org/@alice", "alice") + "</p>");
  context_.show_domains = true;
  EXPECT_EQ(Status("@bob@remote.example"),
            "<p>" + Mention("https://remote.example/@bob", "bob@remote.example") + "</p>");
}

TEST_F(FormatText, HashtagsLeadToTheirPage) {
  EXPECT_EQ(Status("＃日本 #Tag"),
            "<p><a href=\"https://example.org/tags/%E6%97%A5%E6%9C%AC\" class=\"mention hashtag\" "
            "rel=\"tag\">#<span>日本</span></a> <a href=\"https://example.org/tags/Tag\" "
            "class=\"mention hashtag\" rel=\"tag\">#<span>Tag</span></a></p>");
}

TEST_F(FormatText, ANoteIsFormattedLikeAStatus) {
  EXPECT_EQ(FormatNote("a\n@alice", context_), Status("a\n@alice"));
}

TEST_F(FormatText, AFieldIsOneLineWithFullDomainsAndRelMe) {
  EXPECT_EQ(FormatField("@bob@remote.example\n@alice", context_),
            Mention("https://remote.example/@bob", "bob@remote.example") + " " +
                Mention("https://example.org/@alice", "alice"));
  EXPECT_NE(FormatField("https://example.com", context_).find("rel=\"nofollow noopener me\""),
            std::string::npos);
  EXPECT_EQ(FormatField(" ", context_), "");
}

TEST_F(FormatText, WithoutAResolverMentionsStayText) {
  EXPECT_EQ(FormatStatus("@alice", {}), "<p>@alice</p>");
}

TEST_F(FormatText, HostileTextComesOutWhole) {
  for (char c : {'(', '@', '#', '<', '\n', '\xFF'}) {
    std::string html = Status("x" + std::string(limits::kStatusTextBytesMax, c) + "x");
    EXPECT_TRUE(html.starts_with("<p>x") && html.ends_with("x</p>"));
    EXPECT_TRUE(IsValidUtf8(html));
  }
}

}  // namespace
}  // namespace stampede::codec
