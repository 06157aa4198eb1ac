// Query strings, urlencoded and JSON bodies into parameters; multipart is in params_multipart.cc.

#include <boost/json/value.hpp>
#include <charconv>

#include "base/error.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/url.h"
#include "net/header_value.h"
#include "net/params.h"
#include "net/params_text.h"

namespace stampede::net {
namespace {

Params FromJson(const boost::json::value& value);

Params FromJsonObject(const boost::json::object& object) {
  Params map = Params::MakeMap();
  // Names of a parsed object are unique.
  for (const auto& member : object) {
    map.Set(CheckedText(std::string(member.key())), FromJson(member.value()));
  }
  return map;
}

Params FromJson(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return Params::MakeNull();
    case boost::json::kind::bool_:
      return Params::MakeBool(value.get_bool());
    case boost::json::kind::int64:
      return Params::MakeNumber(std::to_string(value.get_int64()));
    case boost::json::kind::uint64:
      return Params::MakeNumber(std::to_string(value.get_uint64()));
    case boost::json::kind::double_: {
      char text[32];
      auto [end, error] = std::to_chars(text, text + sizeof text, value.get_double());
      return Params::MakeNumber(std::string(text, end));
    }
    case boost::json::kind::string:
      return Params::MakeText(CheckedText(std::string(std::string_view(value.get_string()))));
    case boost::json::kind::array: {
      Params list = Params::MakeList();
      for (const auto& element : value.get_array()) list.Append(FromJson(element));
      return list;
    }
    case boost::json::kind::object:
      return FromJsonObject(value.get_object());
  }
  return Params::MakeNull();
}

}  // namespace

void ParseUrlEncoded(std::string_view text, Params& into) {
  size_t count = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('&', at), text.size());
    std::string_view pair = text.substr(at, end - at);
    at = end + 1;
    size_t equals = std::min(pair.find('='), pair.size());
    if (equals == 0) continue;  // "&&" and "=x" name nothing
    if (++count > limits::kParamsMax) throw TooManyParams();
    std::string name = CheckedText(codec::PercentDecode(pair.substr(0, equals), true));
    std::string_view raw = equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
    into.SetByFormName(name, Params::MakeText(CheckedText(codec::PercentDecode(raw, true))));
  }
}

void ParseJsonParams(std::string_view body, Params& into) {
  if (body.find_first_not_of(" \t\r\n") == body.npos) return;
  boost::json::value value = codec::ParseJson(
      body, {.depth_max = limits::kParamDepthMax, .leaves_max = limits::kParamsMax});
  if (value.is_null()) return;
  if (!value.is_object()) {
    throw Error(ErrorCode::kBadRequest, "The request body must be a JSON object");
  }
  for (const auto& member : value.get_object()) {
    into.Set(CheckedText(std::string(member.key())), FromJson(member.value()));
  }
}

void ParseBody(std::string_view content_type, std::string_view body, Params& into) {
  if (body.empty()) return;
  HeaderValue type(content_type);
  if (type.is("application/json") || type.is("text/json")) return ParseJsonParams(body, into);
  if (type.is("") || type.is("application/x-www-form-urlencoded")) {
    return ParseUrlEncoded(body, into);
  }
  if (type.is("multipart/form-data")) {
    return ParseMultipart(body, type.Parameter("boundary").value_or(""), into);
  }
  if (type.is("text/plain") || type.is("application/activity+json") ||
      type.is("application/ld+json")) {
    return;
  }
  throw Error(ErrorCode::kUnsupportedMedia, "This content type is not supported",
              std::string(content_type));
}

}  // namespace stampede::net
