#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace stampede::net {

// One HTTP answer. Headers that belong to every answer (Content-Length, Date, CORS, request id,
// rate limits, cache control) are added by the router and the server.
struct Reply {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";
  std::string body;
  std::shared_ptr<const std::string> shared_body;  // instead of `body`, for bytes held elsewhere
  std::vector<std::pair<std::string, std::string>> headers;

  static Reply Json(std::string body, int status = 200) {
    Reply reply;
    reply.status = status;
    reply.body = std::move(body);
    return reply;
  }
  static Reply Html(std::string body, int status = 200);
  static Reply Redirect(std::string location, int status = 302);
  static Reply Text(std::string body, int status = 200);
  static Reply Empty() { return Json("{}"); }

  Reply& Header(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  bool HasHeader(std::string_view name) const;
};

// The one place where a refusal becomes HTTP: {"error": …} with Mastodon's shapes (behaviour as in
// docs.joinmastodon.org/entities/Error), `error_description` for OAuth errors and `details` for
// field problems.
Reply ReplyFor(const Error& error);
int HttpStatus(ErrorCode code);

}  // namespace stampede::net
