#include "codec/utf8.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace stampede::codec {
namespace {

TEST(Utf8, OnlyWellFormedSequencesAreValid) {
  for (std::string_view valid : {"", "ascii", "é", "日本", "👍🏽", "\xF4\x8F\xBF\xBF", "\uFFFD"}) {
    EXPECT_TRUE(IsValidUtf8(valid)) << valid;
  }
  for (std::string_view invalid :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5", "\xE6\x97", "longer than eight bytes \xFF"}) {
    EXPECT_FALSE(IsValidUtf8(invalid));
    EXPECT_TRUE(IsValidUtf8(SanitizeUtf8(invalid)));
  }
}

TEST(Utf8, EachMaximalSubpartBecomesOneReplacementCharacter) {
  // The example of Unicode 15, table 3-11.
  EXPECT_EQ(SanitizeUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFDA");
}

TEST(Utf8, DecodingBackwardsMeetsTheSameCharacters) {
  std::string text = "aé日👍";
  size_t at = text.size();
  EXPECT_EQ(DecodeUtf8Before(text, at), U'👍');
  EXPECT_EQ(DecodeUtf8Before(text, at), U'日');
  EXPECT_EQ(DecodeUtf8Before(text, at), U'é');
  EXPECT_EQ(DecodeUtf8Before(text, at), U'a');
  EXPECT_EQ(at, 0u);
  std::string broken = "\x80\x80";
  at = 2;
  EXPECT_EQ(DecodeUtf8Before(broken, at), kReplacementCharacter);
  EXPECT_EQ(at, 1u);
}

TEST(Utf8, AppendingWritesWhatDecodingReads) {
  for (char32_t c : {U'a', U'é', U'日', U'👍', char32_t{0x10FFFF}}) {
    std::string text;
    AppendUtf8(text, c);
    size_t at = 0;
    EXPECT_EQ(DecodeUtf8(text, at), c);
    EXPECT_EQ(at, text.size());
  }
  std::string surrogate;
  AppendUtf8(surrogate, 0xD800);
  EXPECT_EQ(surrogate, "\uFFFD");
}

TEST(Graphemes, ArePeoplesCharacters) {
  EXPECT_EQ(GraphemeCount(""), 0u);
  EXPECT_EQ(GraphemeCount("hello"), 5u);
  EXPECT_EQ(GraphemeCount("a\r\nb"), 3u);
  EXPECT_EQ(GraphemeCount("e\u0301"), 1u);                    // combining accent
  EXPECT_EQ(GraphemeCount("👨‍👩‍👧‍👦"), 1u);  // joined family
  EXPECT_EQ(GraphemeCount("🇨🇭🇩🇪"), 2u);                       // flags
  EXPECT_EQ(GraphemeCount("👍🏽"), 1u);                       // skin tone
  EXPECT_EQ(GraphemeCount("שָׁלוֹם"), 4u);                       // Hebrew with points
  EXPECT_EQ(GraphemeCount("각"), 1u);                         // Hangul
  EXPECT_EQ(CodePointCount("👨‍👩‍👧‍👦"), 7u);
}

TEST(Graphemes, AreCountedInHostileText) {
  std::string accents = "a";
  for (int i = 0; i < 30'000; ++i) accents += "\u0301";
  EXPECT_EQ(GraphemeCount(accents), 1u);
  std::string joiners;
  for (int i = 0; i < 10'000; ++i) joiners += "👩‍";
  EXPECT_EQ(GraphemeCount(joiners), 1u);
  EXPECT_EQ(GraphemeCount(std::string(64 * 1024, '\xFF')), 64u * 1024);
}

TEST(Graphemes, AreNeverCutApart) {
  EXPECT_EQ(TruncateGraphemes("abc", 2), "ab");
  EXPECT_EQ(TruncateGraphemes("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 1),
            "👨‍👩‍👧‍👦");
  EXPECT_EQ(TruncateGraphemes("é日", 5), "é日");
  EXPECT_EQ(TruncateGraphemes("日本", 0), "");
}

TEST(Graphemes, MayBeCountedByManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round)
        wrong += GraphemeCount("é👨‍👩‍👧‍👦日") != 3;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Lowercase, CoversAllScripts) {
  EXPECT_EQ(Lowercase("HeLLo_1"), "hello_1");
  EXPECT_EQ(Lowercase("ÀÉ ŠΣ ДОМ"), "àé šς дом");
  EXPECT_EQ(Lowercase("日本"), "日本");
}

TEST(Trim, TakesUnicodeWhiteSpaceFromBothEnds) {
  EXPECT_EQ(Trim(" \t\n\u3000\u00A0a b\u2003\r\n"), "a b");
  EXPECT_EQ(Trim("é"), "é");
  EXPECT_EQ(Trim(" \u3000 "), "");
  EXPECT_EQ(Trim(""), "");
}

}  // namespace
}  // namespace stampede::codec
