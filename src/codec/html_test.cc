#include "codec/html.h"

#include <gtest/gtest.h>

namespace stampede::codec {
namespace {

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'&amp;'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(EscapeHtml("日本"), "日本");
  EXPECT_EQ(EscapeHtml(""), "");
}

TEST(PlainText, IsWhatAReaderSees) {
  EXPECT_EQ(PlainText("<p>Hello <strong>you</strong>,<br />there</p><p>&lt;3 &amp; more</p>"),
            "Hello you,\nthere\n<3 & more");
  EXPECT_EQ(PlainText("<ul><li>a</li><LI>b</LI></ul>"), "a\nb");
  EXPECT_EQ(PlainText("&#39;&#x1F600;&nbsp;&unknown;&"), "'😀\u00A0&unknown;&");
  EXPECT_EQ(PlainText("1 < 2 and <"), "1 < 2 and <");
  EXPECT_EQ(PlainText("<!-- no -->a<?x?>"), "a");
  EXPECT_EQ(PlainText("a <script"), "a");
}

TEST(PlainText, ReturnsOnHostileInput) {
  std::string opens(64 * 1024, '<'), ampersands(64 * 1024, '&'), tags;
  while (tags.size() < 64 * 1024) tags += "<a";
  EXPECT_EQ(PlainText(opens), opens);
  EXPECT_EQ(PlainText(ampersands), ampersands);
  EXPECT_EQ(PlainText(tags), "");
  EXPECT_EQ(PlainText("&#xD800;&#99999999999;&#0;"), "\uFFFD&#99999999999;&#0;");
}

}  // namespace
}  // namespace stampede::codec
