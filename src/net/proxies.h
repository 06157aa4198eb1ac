#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stampede::net {

// An IP address as 16 bytes; IPv4 in its mapped form (RFC 4291, section 2.5.5.2), so that the two
// ways to write one are equal. A value type.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  // Plain text without port or zone; brackets around IPv6 are accepted.
  static std::optional<IpAddress> Parse(std::string_view text);
  bool is_v4() const;
  std::string ToString() const;
  bool operator==(const IpAddress&) const = default;
};

// What rate limits count by: the address, or for IPv6 its /64, because one customer gets at least
// that much. Text that is no address stands for itself.
std::string RateSubject(std::string_view address);

// The reverse proxies whose word is taken for who the client is. Immutable, so it is thread-safe.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  // Each an address or a CIDR block. Throws std::invalid_argument naming what is neither.
  explicit TrustedProxies(std::span<const std::string> blocks);

  bool Contains(const IpAddress& address) const;
  // The client behind `peer`: the rightmost address of X-Forwarded-For that is no trusted proxy.
  // What stands left of it, or behind something unreadable, was written by who knows whom.
  IpAddress Client(const IpAddress& peer, std::string_view forwarded_for) const;

 private:
  struct Block {
    IpAddress prefix;
    int bits;
  };
  std::vector<Block> blocks_;
};

}  // namespace stampede::net
