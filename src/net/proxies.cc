#include "net/proxies.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "net/header_value.h"

namespace stampede::net {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool SamePrefix(const IpAddress& a, const IpAddress& b, int bits) {
  int bytes = bits / 8, rest = bits % 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + bytes, b.bytes.begin())) return false;
  return rest == 0 || ((a.bytes[bytes] ^ b.bytes[bytes]) >> (8 - rest)) == 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated);
  terminated[text.size()] = '\0';

  IpAddress address;
  if (inet_pton(AF_INET6, terminated, address.bytes.data()) == 1) return address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
  if (inet_pton(AF_INET, terminated, address.bytes.data() + 12) == 1) return address;
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes.begin()); }

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::string RateSubject(std::string_view address) {
  std::optional<IpAddress> parsed = IpAddress::Parse(address);
  if (!parsed || parsed->is_v4()) return std::string(address);
  std::fill(parsed->bytes.begin() + 8, parsed->bytes.end(), 0);
  return parsed->ToString();
}

TrustedProxies::TrustedProxies(std::span<const std::string> blocks) {
  for (std::string_view text : blocks) {
    size_t slash = std::min(text.find('/'), text.size());
    std::optional<IpAddress> prefix = IpAddress::Parse(text.substr(0, slash));
    int most = prefix && prefix->is_v4() ? 32 : 128, bits = most;
    if (prefix && slash < text.size()) {
      std::string_view length = text.substr(slash + 1);
      auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
      if (error != std::errc() || end != length.data() + length.size()) prefix.reset();
    }
    if (!prefix || bits < 0 || bits > most) {
      throw std::invalid_argument("not an address or CIDR block: " + std::string(text));
    }
    blocks_.push_back({*prefix, prefix->is_v4() ? bits + 96 : bits});
  }
}

bool TrustedProxies::Contains(const IpAddress& address) const {
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    return SamePrefix(block.prefix, address, block.bits);
  });
}

IpAddress TrustedProxies::Client(const IpAddress& peer, std::string_view forwarded_for) const {
  IpAddress client = peer;
  while (Contains(client) && !forwarded_for.empty()) {
    size_t comma = forwarded_for.rfind(',');
    std::string_view last =
        comma == forwarded_for.npos ? forwarded_for : forwarded_for.substr(comma + 1);
    forwarded_for = comma == forwarded_for.npos ? "" : forwarded_for.substr(0, comma);
    std::optional<IpAddress> next = IpAddress::Parse(TrimHeader(last));
    if (!next) break;
    client = *next;
  }
  return client;
}

}  // namespace stampede::net
