#include "net/proxies.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace stampede::net {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(IpAddress, AMappedAddressIsTheIpv4Address) {
  EXPECT_EQ(Ip("::ffff:10.0.0.1"), Ip("10.0.0.1"));
  EXPECT_EQ(Ip("::ffff:10.0.0.1").ToString(), "10.0.0.1");
  EXPECT_EQ(Ip("[2001:DB8::1]").ToString(), "2001:db8::1");
  for (std::string_view text :
       {"", "10.0.0", "10.0.0.1:80", "fe80::1%eth0", "unknown", "1.2.3.4.5"}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
}

TEST(RateSubject, CountsIpv6ByTheSixtyFour) {
  EXPECT_EQ(RateSubject("2001:db8:1:2:3:4:5:6"), RateSubject("2001:db8:1:2::1"));
  EXPECT_NE(RateSubject("2001:db8:1:2::1"), RateSubject("2001:db8:1:3::1"));
  EXPECT_EQ(RateSubject("192.0.2.7"), "192.0.2.7");
}

TEST(TrustedProxies, TheRightmostUntrustedAddressIsTheClient) {
  std::vector<std::string> blocks = {"127.0.0.1", "10.0.0.0/8", "2001:db8::/33"};
  TrustedProxies proxies(blocks);
  auto client = [&](std::string_view peer, std::string_view forwarded) {
    return proxies.Client(Ip(peer), forwarded).ToString();
  };
  EXPECT_EQ(client("127.0.0.1", "198.51.100.7"), "198.51.100.7");
  EXPECT_EQ(client("127.0.0.1", "1.1.1.1, 198.51.100.7 ,10.9.9.9"), "198.51.100.7");
  EXPECT_EQ(client("192.0.2.1", "198.51.100.7"), "192.0.2.1") << "a stranger's word";
  EXPECT_EQ(client("127.0.0.1", ""), "127.0.0.1");
  EXPECT_EQ(client("127.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3") << "all are trusted";
  EXPECT_EQ(client("127.0.0.1", "198.51.100.7, garbage, 10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(client("2001:db8:7fff::1", "2001:db8:8000::1"), "2001:db8:8000::1");
}

TEST(TrustedProxies, MalformedBlocksAreRefused) {
  for (std::string text :
       {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::/129", "10.0.0.0/-1"}) {
    std::vector<std::string> blocks = {text};
    EXPECT_THROW(TrustedProxies{blocks}, std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace stampede::net
