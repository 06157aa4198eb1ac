#include "net/address_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace stampede::net {
namespace {

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint8_t, 16>;

struct Block4 {
  Ipv4 prefix;
  int bits;
  std::string_view reason;
};

// Everything in IPv4 that is not globally routable unicast, by IANA's registries of special-purpose
// and of multicast addresses, and one address that is routable but answers only inside a cloud.
constexpr Block4 kRefused4[] = {
    {{0, 0, 0, 0}, 8, "this network"},             // RFC 791
    {{10, 0, 0, 0}, 8, "private"},                 // RFC 1918
    {{100, 64, 0, 0}, 10, "carrier-grade NAT"},    // RFC 6598
    {{127, 0, 0, 0}, 8, "loopback"},               // RFC 1122
    {{168, 63, 129, 16}, 32, "cloud metadata"},    // learn.microsoft.com: "168.63.129.16"
    {{169, 254, 0, 0}, 16, "link-local"},          // RFC 3927; 169.254.169.254 is metadata
    {{172, 16, 0, 0}, 12, "private"},              // RFC 1918
    {{192, 0, 0, 0}, 24, "protocol assignments"},  // RFC 6890
    {{192, 0, 2, 0}, 24, "documentation"},         // RFC 5737
    {{192, 88, 99, 0}, 24, "6to4 relay"},          // RFC 7526
    {{192, 168, 0, 0}, 16, "private"},             // RFC 1918
    {{198, 18, 0, 0}, 15, "benchmarking"},         // RFC 2544
    {{198, 51, 100, 0}, 24, "documentation"},      // RFC 5737
    {{203, 0, 113, 0}, 24, "documentation"},       // RFC 5737
    {{224, 0, 0, 0}, 4, "multicast"},              // RFC 1112
    {{240, 0, 0, 0}, 4, "reserved or broadcast"},  // RFC 1112, RFC 919
};

template <size_t N>
bool HasPrefix(const std::array<uint8_t, N>& address, std::span<const uint8_t> prefix, int bits) {
  int bytes = bits / 8, rest = bits % 8;
  if (!std::equal(prefix.begin(), prefix.begin() + bytes, address.begin())) return false;
  return rest == 0 || ((address[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0;
}

bool HasPrefix6(const Ipv6& address, std::initializer_list<uint8_t> prefix, int bits) {
  return HasPrefix(address, {prefix.begin(), prefix.size()}, bits);
}

Ipv4 Embedded(const Ipv6& address, size_t at) {
  return {address[at], address[at + 1], address[at + 2], address[at + 3]};
}

// 64:ff9b:1::/48 leaves the place of the IPv4 address to the local translator (RFC 8215, RFC 6052
// section 2.2). Only with zeros between is it the last four bytes for every translator that reaches
// anything: the other layouts then give an address in 0.0.0.0/8.
Verdict CheckLocalNat64(const Ipv6& address) {
  bool zeros = std::all_of(address.begin() + 6, address.begin() + 12,
                           [](uint8_t byte) { return byte == 0; });
  return zeros ? CheckIpv4(Embedded(address, 12)) : Verdict{false, "ambiguous NAT64"};
}

// Teredo carries the server's address and, inverted, the client's (RFC 4380 section 4).
Verdict CheckTeredo(const Ipv6& address) {
  Ipv4 client = Embedded(address, 12);
  for (uint8_t& byte : client) byte = static_cast<uint8_t>(~byte);
  Verdict verdict = CheckIpv4(client);
  return verdict.allowed ? CheckIpv4(Embedded(address, 4)) : verdict;
}

}  // namespace

Verdict CheckIpv4(Ipv4 address) {
  for (const Block4& block : kRefused4) {
    if (HasPrefix(address, block.prefix, block.bits)) return {false, block.reason};
  }
  return {true, {}};
}

Verdict CheckIpv6(const Ipv6& address) {
  // ::ffff:0:0/96 mapped (RFC 4291 section 2.5.5.2), ::ffff:0:0:0/96 translated (RFC 2765) and
  // ::/96 compatible (section 2.5.5.1), which holds :: and ::1 and so reads as 0.0.0.0/8.
  if (HasPrefix6(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96) ||
      HasPrefix6(address, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, 96) ||
      HasPrefix6(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 96)) {
    return CheckIpv4(Embedded(address, 12));
  }
  // NAT64 with the well-known prefix: RFC 6052 section 2.1.
  if (HasPrefix6(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, 96)) {
    return CheckIpv4(Embedded(address, 12));
  }
  if (HasPrefix6(address, {0, 0x64, 0xff, 0x9b, 0, 1}, 48)) return CheckLocalNat64(address);
  // The only unicast space that IANA has given out: iana.org/assignments/ipv6-address-space. Leaves
  // out unique local, link-local, site-local, multicast, discard-only and segment-routing blocks.
  if (!HasPrefix6(address, {0x20}, 3)) return {false, "not global unicast"};
  if (HasPrefix6(address, {0x20, 0x02}, 16)) return CheckIpv4(Embedded(address, 2));  // RFC 3056
  if (HasPrefix6(address, {0x20, 0x01, 0, 0}, 32)) return CheckTeredo(address);
  // RFC 2928: benchmarking, ORCHID and ORCHIDv2, drone ids, anycast services. No web server.
  if (HasPrefix6(address, {0x20, 0x01, 0x00}, 23)) return {false, "protocol assignments"};
  if (HasPrefix6(address, {0x20, 0x01, 0x0d, 0xb8}, 32)) return {false, "documentation"};  // 3849
  if (HasPrefix6(address, {0x3f, 0xff, 0x00}, 20)) return {false, "documentation"};  // RFC 9637
  return {true, {}};
}

Verdict CheckAddress(const sockaddr* address, size_t length) {
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    Ipv4 bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    return CheckIpv4(bytes);
  }
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    Ipv6 bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    return CheckIpv6(bytes);
  }
  return {false, "not an internet address"};
}

AllowList::AllowList(std::span<const std::string> host_ports) {
  for (const std::string& text : host_ports) {
    auto bad = [&] {
      return std::invalid_argument("\"" + text + "\" is not a loopback address with a port");
    };
    size_t colon = text.rfind(':');
    if (colon == std::string::npos) throw bad();
    std::string host = text.substr(0, colon);
    uint16_t port = 0;
    const char* end = text.data() + text.size();
    auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end || port == 0) throw bad();

    std::string v4(4, '\0'), v6(16, '\0');
    v6.back() = 1;
    if (host == "localhost") {
      allowed_.emplace(std::string("\x7f\0\0\x01", 4), port);
      allowed_.emplace(v6, port);
    } else if (host == "[::1]") {
      allowed_.emplace(v6, port);
    } else if (inet_pton(AF_INET, host.c_str(), v4.data()) == 1 && v4[0] == 127) {
      allowed_.emplace(v4, port);
    } else {
      throw bad();
    }
  }
}

bool AllowList::Contains(const sockaddr* address, size_t length) const {
  if (allowed_.empty()) return false;
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::string bytes(reinterpret_cast<const char*>(&v4->sin_addr), 4);
    return allowed_.contains({bytes, ntohs(v4->sin_port)});
  }
  if (length >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::string bytes(reinterpret_cast<const char*>(&v6->sin6_addr), 16);
    return allowed_.contains({bytes, ntohs(v6->sin6_port)});
  }
  return false;
}

}  // namespace stampede::net
