#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/reply.h"
#include "net/request.h"

namespace stampede::net {

struct WriteOptions {
  int64_t now_ms = 0;  // for the Date header
  bool keep_alive = true;
  bool http_1_0 = false;
};

// The status line and headers of a reply, with Date, Content-Length and Connection, up to and
// including the empty line (RFC 9112, sections 4 and 5). A header that would break out of its line
// is left out. Thread-safe.
std::string SerializeHead(const Reply& reply, const WriteOptions& options);

// The bytes to send behind the head: none in answer to HEAD and with statuses that have no content.
std::string_view BodyToSend(const Reply& reply, Method method);

}  // namespace stampede::net
