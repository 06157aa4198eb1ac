#include "net/reply.h"

#include <algorithm>

#include "codec/json_writer.h"

namespace stampede::net {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// A quoted-string of RFC 9110, section 5.6.4, restricted to what is safe in any header.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c >= 0x20 && c < 0x7F ? c : ' ';
  }
  return quoted += '"';
}

// `details`: one list per field, in the order in which the fields first failed.
void WriteDetails(codec::JsonWriter& json, const std::vector<Error::FieldProblem>& problems) {
  json.Key("details").Object();
  for (size_t i = 0; i < problems.size(); ++i) {
    auto same = [&](const auto& earlier) { return earlier.field == problems[i].field; };
    if (std::any_of(problems.begin(), problems.begin() + static_cast<ptrdiff_t>(i), same)) continue;
    json.Key(problems[i].field).Array();
    for (size_t j = i; j < problems.size(); ++j) {
      if (problems[j].field != problems[i].field) continue;
      json.Object();
      json.Field("error", problems[j].code).Field("description", problems[j].description);
      json.EndObject();
    }
    json.EndArray();
  }
  json.EndObject();
}

}  // namespace

Reply Reply::Html(std::string body, int status) {
  Reply reply = Json(std::move(body), status);
  reply.content_type = "text/html; charset=utf-8";
  return reply;
}

Reply Reply::Text(std::string body, int status) {
  Reply reply = Json(std::move(body), status);
  reply.content_type = "text/plain; charset=utf-8";
  return reply;
}

Reply Reply::Redirect(std::string location, int status) {
  Reply reply = Text("", status);
  reply.Header("Location", std::move(location));
  return reply;
}

bool Reply::HasHeader(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& header) { return SameName(header.first, name); });
}

int HttpStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return 400;
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kMethodNotAllowed:
      return 405;
    case ErrorCode::kRequestTimeout:
      return 408;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kGone:
      return 410;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kUnsupportedMedia:
      return 415;
    case ErrorCode::kInvalid:
      return 422;
    case ErrorCode::kTooManyRequests:
      return 429;
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kUnavailable:
      return 503;
  }
  return 500;
}

Reply ReplyFor(const Error& error) {
  codec::JsonWriter json(128);
  json.Object();
  if (error.oauth().empty()) {
    json.Field("error", error.public_text());
  } else {
    json.Field("error", error.oauth()).Field("error_description", error.public_text());
  }
  if (!error.fields().empty()) WriteDetails(json, error.fields());
  json.EndObject();
  Reply reply = Reply::Json(json.TakeString(), HttpStatus(error.code()));
  if (error.code() == ErrorCode::kUnauthorized) {
    // RFC 6750, section 3; the realm is the reference server's, which clients may compare.
    reply.Header("WWW-Authenticate",
                 "Bearer realm=\"Doorkeeper\", error=" +
                     Quoted(error.oauth().empty() ? "invalid_token" : error.oauth()) +
                     ", error_description=" + Quoted(error.public_text()));
  }
  if (error.retry_after_s() > 0) {
    reply.Header("Retry-After", std::to_string(error.retry_after_s()));
  }
  return reply;
}

}  // namespace stampede::net
