#include "net/address_guard.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "base/random.h"

namespace stampede::net {
namespace {

bool Allowed(const char* text) {
  sockaddr_in v4{.sin_family = AF_INET};
  sockaddr_in6 v6{.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    return CheckAddress(reinterpret_cast<sockaddr*>(&v4), sizeof v4).allowed;
  }
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
  return CheckAddress(reinterpret_cast<sockaddr*>(&v6), sizeof v6).allowed;
}

TEST(AddressGuard, GlobalUnicastIsAllowed) {
  for (const char* address : {"1.1.1.1",         "9.255.255.255",        "11.0.0.0",
                              "100.63.255.255",  "100.128.0.0",          "126.255.255.255",
                              "128.0.0.1",       "172.15.255.255",       "172.32.0.0",
                              "192.0.1.0",       "192.169.0.0",          "198.17.255.255",
                              "198.20.0.0",      "223.255.255.255",      "192.31.196.1",
                              "2606:4700::1111", "2a00:1450:4001::200e", "2001:200::1",
                              "2003::1",         "2620:4f:8000::1",      "3fff:1000::1"}) {
    EXPECT_TRUE(Allowed(address)) << address;
  }
}

TEST(AddressGuard, SpecialIpv4IsRefused) {
  for (const char* address :
       {"0.0.0.0",         "0.1.2.3",         "10.0.0.1",    "10.255.255.255",  "100.64.0.0",
        "100.100.100.200", "100.127.255.255", "127.0.0.1",   "127.255.255.254", "168.63.129.16",
        "169.254.0.1",     "169.254.169.254", "172.16.0.1",  "172.31.255.255",  "192.0.0.1",
        "192.0.0.192",     "192.0.2.1",       "192.88.99.1", "192.168.0.1",     "198.18.0.1",
        "198.19.255.255",  "198.51.100.1",    "203.0.113.1", "224.0.0.1",       "239.255.255.255",
        "240.0.0.1",       "255.255.255.255"}) {
    EXPECT_FALSE(Allowed(address)) << address;
  }
}

TEST(AddressGuard, SpecialIpv6IsRefused) {
  for (const char* address :
       {"::",          "::1",           "fe80::1",    "febf::1",     "fec0::1",
        "fc00::1",     "fd00:ec2::254", "fdff::1",    "ff02::1",     "ff0e::1",
        "100::1",      "100:0:0:1::1",  "5f00::1",    "2001:db8::1", "3fff::1",
        "3fff:fff::1", "2001:2::1",     "2001:10::1", "2001:20::1",  "2001:2f::1",
        "2001:30::1",  "2001:1::1",     "2001:3::1",  "2001:1ff::1", "4000::1",
        "1fff::1"}) {
    EXPECT_FALSE(Allowed(address)) << address;
  }
}

TEST(AddressGuard, AnAddressInsideAnAddressIsJudged) {
  for (const char* address :
       {"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",  // mapped
        "::127.0.0.1", "::10.0.0.1",                                      // compatible
        "::ffff:0:127.0.0.1",                                             // translated
        "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254",                 // NAT64
        "64:ff9b:1::10.0.0.1", "64:ff9b:1:a00:0:100:808:808",             // NAT64, local use
        "64:ff9b:1:0:0:1:808:808", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2002:c0a8:101::1",  // 6to4
        // Teredo: client 127.0.0.1 behind a public server, a public client behind server 10.0.0.1.
        "2001:0:808:808:0:0:80ff:fffe", "2001:0:a00:1:0:0:f7f7:f7f7"}) {
    EXPECT_FALSE(Allowed(address)) << address;
  }
  for (const char* address :
       {"::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "2002:808:808::1",
        "2001:0:808:808:0:0:f7f7:f7f7"}) {
    EXPECT_TRUE(Allowed(address)) << address;
  }
}

TEST(AddressGuard, OtherFamiliesAndShortAddressesAreRefused) {
  sockaddr_un local{.sun_family = AF_UNIX};
  EXPECT_FALSE(CheckAddress(reinterpret_cast<sockaddr*>(&local), sizeof local).allowed);
  sockaddr_in6 v6{.sin6_family = AF_INET6};
  inet_pton(AF_INET6, "2606:4700::1111", &v6.sin6_addr);
  EXPECT_FALSE(CheckAddress(reinterpret_cast<sockaddr*>(&v6), sizeof(sockaddr_in)).allowed);
}

// Random IPv6 addresses that carry a refused IPv4 address, in every way that carries one.
TEST(AddressGuard, ARefusedIpv4AddressIsRefusedInEveryWrapping) {
  constexpr uint64_t kSeed = 20250722;
  SCOPED_TRACE(kSeed);
  SeededRandom random(kSeed);
  const std::vector<std::vector<uint8_t>> prefixes = {
      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},    {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0},
      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},          {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0},
      {0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0}, {0x20, 0x02}};
  int refused = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::array<uint8_t, 4> inner;
    random.Fill(inner);
    // Half of them near the blocks' edges.
    if (i % 2) inner[0] = std::array<uint8_t, 8>{0, 10, 100, 127, 169, 172, 192, 198}[i / 2 % 8];
    bool allowed = CheckIpv4(inner).allowed;
    refused += !allowed;
    for (const auto& prefix : prefixes) {
      std::array<uint8_t, 16> outer;
      random.Fill(outer);
      std::copy(prefix.begin(), prefix.end(), outer.begin());
      std::copy(inner.begin(), inner.end(), outer.begin() + prefix.size());
      ASSERT_EQ(CheckIpv6(outer).allowed, allowed) << i << " prefix of " << prefix.size();
    }
    std::array<uint8_t, 16> teredo;
    random.Fill(teredo);
    teredo[0] = 0x20, teredo[1] = 1, teredo[2] = teredo[3] = 0;
    for (int b = 0; b < 4; ++b) teredo[12 + b] = static_cast<uint8_t>(~inner[b]);
    if (!allowed) ASSERT_FALSE(CheckIpv6(teredo).allowed);
  }
  EXPECT_GT(refused, 30'000);
}

// Whatever is allowed outside of the wrappings lies in 2000::/3.
TEST(AddressGuard, NothingOutsideOfGlobalUnicastIsAllowed) {
  SeededRandom random(7);
  for (int i = 0; i < 100'000; ++i) {
    std::array<uint8_t, 16> address;
    random.Fill(address);
    if (CheckIpv6(address).allowed) ASSERT_EQ(address[0] >> 5, 1) << i;
  }
}

bool Contains(const AllowList& list, const char* text, uint16_t port) {
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port)};
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    return list.Contains(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
  }
  EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
  return list.Contains(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
}

TEST(AllowList, HoldsExactlyTheNamedPairs) {
  std::vector<std::string> named = {"127.0.0.2:3000", "[::1]:3001", "localhost:3002"};
  AllowList list(named);
  EXPECT_TRUE(Contains(list, "127.0.0.2", 3000));
  EXPECT_TRUE(Contains(list, "::1", 3001));
  EXPECT_TRUE(Contains(list, "127.0.0.1", 3002));
  EXPECT_TRUE(Contains(list, "::1", 3002));
  EXPECT_FALSE(Contains(list, "127.0.0.1", 3000));
  EXPECT_FALSE(Contains(list, "127.0.0.2", 3001));
  EXPECT_FALSE(Contains(list, "::ffff:127.0.0.1", 3002));
}

TEST(AllowList, OnlyLoopbackCanBeNamed) {
  for (const char* text : {"10.0.0.1:80", "example.com:80", "127.0.0.1", "127.0.0.1:0", "127.1:80",
                           "127.0.0.1:x", "127.0.0.1:70000", "[::2]:80", ""}) {
    std::vector<std::string> named = {text};
    EXPECT_THROW(AllowList list(named), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace stampede::net
