#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stampede::net {

// A header value of the form `value; name=token; name="quoted"` (RFC 9110, section 5.6.6), as
// Content-Type and Content-Disposition are. A view: what it was made of must outlive it.
class HeaderValue {
 public:
  explicit HeaderValue(std::string_view text);

  // The value before the first ';', compared without case. `lower` is in lower case.
  bool is(std::string_view lower) const;
  // The parameter of that lower-case name, unquoted; nullopt when absent.
  std::optional<std::string> Parameter(std::string_view lower) const;

 private:
  std::string_view value_;
  std::string_view parameters_;
};

// Without spaces and tabs at both ends.
std::string_view TrimHeader(std::string_view text);
// Compared without ASCII case; `lower` is in lower case.
bool EqualsLower(std::string_view text, std::string_view lower);

}  // namespace stampede::net
