#include "net/http_writer.h"

#include <algorithm>

#include "codec/iso_time.h"
#include "obs/log.h"

namespace stampede::net {
namespace {

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";  // RFC 9112, section 4: the phrase may be absent
  }
}

// Formatted once a second and thread.
std::string_view Date(int64_t now_ms) {
  thread_local int64_t second = -1;
  thread_local std::string text;
  if (now_ms / 1000 != second) {
    second = now_ms / 1000;
    text = codec::HttpDate(now_ms);
  }
  return text;
}

bool HasContent(int status) { return status >= 200 && status != 204 && status != 304; }

bool IsOneLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

size_t BodySize(const Reply& reply) {
  return reply.shared_body ? reply.shared_body->size() : reply.body.size();
}

}  // namespace

std::string SerializeHead(const Reply& reply, const WriteOptions& options) {
  std::string head;
  head.reserve(768);
  auto add = [&](std::string_view name, std::string_view value) {
    if (!IsOneLine(name) || !IsOneLine(value)) {
      obs::Log(obs::LogLevel::kError, "reply header left out", {{"name", name}});
      return;
    }
    head.append(name).append(": ").append(value).append("\r\n");
  };
  head.append("HTTP/1.1 ").append(std::to_string(reply.status)).append(" ");
  head.append(ReasonPhrase(reply.status)).append("\r\n");
  add("Date", Date(options.now_ms));
  if (HasContent(reply.status)) {
    size_t size = BodySize(reply);
    if (size > 0) add("Content-Type", reply.content_type);
    add("Content-Length", std::to_string(size));
  }
  for (const auto& [name, value] : reply.headers) add(name, value);
  if (!options.keep_alive) add("Connection", "close");
  if (options.keep_alive && options.http_1_0) add("Connection", "keep-alive");
  return head += "\r\n";
}

std::string_view BodyToSend(const Reply& reply, Method method) {
  if (method == Method::kHead || !HasContent(reply.status)) return {};
  return reply.shared_body ? std::string_view(*reply.shared_body) : std::string_view(reply.body);
}

}  // namespace stampede::net
