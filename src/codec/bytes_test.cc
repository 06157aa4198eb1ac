#include <gtest/gtest.h>

#include "codec/base64.h"
#include "codec/hex.h"

namespace stampede::codec {
namespace {

TEST(Base64, MatchesTheVectorsOfItsRfc) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (auto [bytes, text] : kVectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
  }
}

TEST(Base64, UrlSafeFormHasNoPaddingAndNoReservedCharacters) {
  EXPECT_EQ(Base64UrlEncode("\xFB\xFF\xFE\xFF"), "-__-_w");
  EXPECT_EQ(Base64Decode("-__-_w"), "\xFB\xFF\xFE\xFF");
  EXPECT_EQ(Base64Decode("+//+/w=="), "\xFB\xFF\xFE\xFF");
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  for (std::string_view text :
       {"A", "AAAAA", "A===", "A=AA", "AA=", "A A=", "AAA\n", "Zh==", "é==="}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(Hex, ReadsWhatItWrites) {
  EXPECT_EQ(HexEncode(std::string_view("\x00\x7F\xFF", 3)), "007fff");
  EXPECT_EQ(HexDecode("007FfF"), std::string("\x00\x7F\xFF", 3));
  EXPECT_EQ(HexDecode("0"), std::nullopt);
  EXPECT_EQ(HexDecode("0g"), std::nullopt);
}

}  // namespace
}  // namespace stampede::codec
