#include "codec/language.h"

#include <gtest/gtest.h>

namespace stampede::codec {
namespace {

TEST(Language, KnownCodesAreExact) {
  for (const char* code : {"en", "de", "zh", "zh-TW", "ckb", "tok", "zu", "aa"}) {
    EXPECT_TRUE(IsKnownLanguage(code)) << code;
  }
  for (const char* code : {"", "EN", "xx", "english", "zh-tw", "e"}) {
    EXPECT_FALSE(IsKnownLanguage(code)) << code;
  }
}

TEST(Language, AnySpellingOfAKnownCodeIsFound) {
  EXPECT_EQ(NormalizeLanguage("EN"), "en");
  EXPECT_EQ(NormalizeLanguage("pt_BR"), "pt");
  EXPECT_EQ(NormalizeLanguage("zh-tw"), "zh-TW");
  EXPECT_EQ(NormalizeLanguage("zh-Hant"), "zh");
  EXPECT_EQ(NormalizeLanguage("CKB"), "ckb");
  EXPECT_EQ(NormalizeLanguage("klingon"), std::nullopt);
  EXPECT_EQ(NormalizeLanguage(""), std::nullopt);
  EXPECT_EQ(NormalizeLanguage("-"), std::nullopt);
}

}  // namespace
}  // namespace stampede::codec
