#include "codec/url.h"

#include <gtest/gtest.h>

namespace stampede::codec {
namespace {

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a b&c/é%"), "a%20b%26c%2F%C3%A9%25");
}

TEST(PercentDecode, ReadsWhatEncodingWritesAndKeepsWhatIsMalformed) {
  EXPECT_EQ(PercentDecode("a%20b%26c%2f%C3%A9%25"), "a b&c/é%");
  EXPECT_EQ(PercentDecode("100%, %4, %zz, %"), "100%, %4, %zz, %");
  EXPECT_EQ(PercentDecode("%41%4"), "A%4");
  EXPECT_EQ(PercentDecode("a+b"), "a+b");
  EXPECT_EQ(PercentDecode("a+b%2B", true), "a b+");
}

TEST(IsHttpUrl, WantsASchemeAHostAndNothingHidden) {
  for (std::string_view url :
       {"http://example.org", "HTTPS://example.org/", "https://example.org:8080/a?b#c",
        "http://127.0.0.1:3000/", "http://localhost", "http://[::1]:80/x",
        "https://münchen.example/", "http://example.org:/"}) {
    EXPECT_TRUE(IsHttpUrl(url)) << url;
  }
  for (std::string_view url :
       {"", "http://", "http:///path", "example.org", "//example.org", "ftp://example.org",
        "javascript:alert(1)", "http://:80/", "http://alice:secret@example.org", "http://a b/",
        "http://example.org/\n", "http://example.org:99999", "http://example.org:8a", "http://[::1",
        "http://[]/", "http://[::1]x/", "http://example.org/\"><script>", "http://a\\b"}) {
    EXPECT_FALSE(IsHttpUrl(url)) << url;
  }
}

TEST(AddQuery, KeepsWhatTheUrlHasAlready) {
  EXPECT_EQ(AddQuery("https://a.example/cb", {{"code", "x y"}, {"state", "1&2"}}),
            "https://a.example/cb?code=x%20y&state=1%262");
  EXPECT_EQ(AddQuery("https://a.example/cb?k=v#top", {{"code", "x"}}),
            "https://a.example/cb?k=v&code=x#top");
  EXPECT_EQ(AddQuery("app://cb?", {{"code", "x"}}), "app://cb?code=x");
  EXPECT_EQ(AddQuery("app://cb", {}), "app://cb");
}

}  // namespace
}  // namespace stampede::codec
