#include "codec/identicon.h"

#include <gtest/gtest.h>

namespace stampede::codec {
namespace {

uint32_t BigEndian(const std::string& png, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(png[at + i]);
  return value;
}

TEST(Identicon, IsAPngOfTheAskedSize) {
  std::string avatar = AvatarPng(1, 400), header = HeaderPng(1, 1500, 500);
  EXPECT_EQ(avatar.substr(0, 8), "\x89PNG\r\n\x1A\n");
  EXPECT_EQ(avatar.substr(avatar.size() - 8, 4), "IEND");
  EXPECT_EQ(BigEndian(avatar, 16), 400u);
  EXPECT_EQ(BigEndian(avatar, 20), 400u);
  EXPECT_EQ(BigEndian(header, 16), 1500u);
  EXPECT_EQ(BigEndian(header, 20), 500u);
  EXPECT_LT(avatar.size(), 16u * 1024);
  EXPECT_LT(header.size(), 64u * 1024);
}

TEST(Identicon, DependsOnTheSeedAlone) {
  EXPECT_EQ(AvatarPng(7, 64), AvatarPng(7, 64));
  EXPECT_NE(AvatarPng(7, 64), AvatarPng(8, 64));
  EXPECT_EQ(HeaderPng(7, 64, 32), HeaderPng(7, 64, 32));
  EXPECT_NE(HeaderPng(7, 64, 32), HeaderPng(8, 64, 32));
}

}  // namespace
}  // namespace stampede::codec
