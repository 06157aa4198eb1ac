#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

struct sockaddr;

// Which addresses this server may connect to on behalf of others: the guard against server-side
// request forgery. The rule is a permission, not a list of dangers: an address must be globally
// routable unicast by IANA's registries, or the caller's AllowList names it.
//   https://www.iana.org/assignments/iana-ipv4-special-registry
//   https://www.iana.org/assignments/iana-ipv6-special-registry   (both: RFC 6890, RFC 8190)
// Pure functions; thread-safe; no I/O.
namespace stampede::net {

struct Verdict {
  bool allowed = false;
  std::string_view reason;  // why not, for the log; a constant
};

Verdict CheckIpv4(std::array<uint8_t, 4> address);

// Where an IPv6 address carries an IPv4 address that a translator or tunnel would reach, the rule
// is applied to that one.
Verdict CheckIpv6(const std::array<uint8_t, 16>& address);

// The rule on the bytes that are about to be given to connect(2). Refuses every family but IPv4
// and IPv6.
Verdict CheckAddress(const sockaddr* address, size_t length);

// Loopback addresses with a port that are allowed despite the rule: for tests and for development
// with several servers on one machine. Immutable, so it is thread-safe.
class AllowList {
 public:
  AllowList() = default;
  // Each as "127.0.0.1:3000", "[::1]:3000" or "localhost:3000", which means both. Throws
  // std::invalid_argument for anything else: only loopback can be allowed.
  explicit AllowList(std::span<const std::string> host_ports);

  bool Contains(const sockaddr* address, size_t length) const;

 private:
  std::set<std::pair<std::string, uint16_t>> allowed_;  // address in network byte order, port
};

}  // namespace stampede::net
