#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

// URLs as text (RFC 3986). Thread-safe, linear; nothing here throws or touches the network.
namespace stampede::codec {

// Everything but the unreserved characters (section 2.3) as %XX: right for one path segment, one
// query key or one query value.
std::string PercentEncode(std::string_view bytes);
// %XX to bytes; a '%' without two digits stays as it is, as browsers do. With `plus_is_space`, also
// '+' to ' ', for application/x-www-form-urlencoded. The result may be any bytes.
std::string PercentDecode(std::string_view text, bool plus_is_space = false);

// An absolute http or https URL with a host, without user:password, white space or controls.
bool IsHttpUrl(std::string_view text);

using QueryPair = std::pair<std::string_view, std::string_view>;
// The URL with the pairs added to its query, encoded, before a fragment if it has one.
std::string AddQuery(std::string_view url, std::initializer_list<QueryPair> pairs);

// Adds `key=value`, both encoded, to a query that is being built, with '&' where needed.
void AppendQueryPair(std::string& query, std::string_view key, std::string_view value);

}  // namespace stampede::codec
