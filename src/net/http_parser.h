#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/request.h"

// HTTP/1.1 requests from bytes: RFC 9112, read strictly, because leniency here is how two servers
// come to disagree about where a request ends. Pure: no sockets, no time. Not thread-safe.
namespace stampede::net {

// Why a request is refused before a handler sees it; `text` is a constant without quotes.
struct HttpProblem {
  int status = 0;  // 0: none
  std::string_view text;
  explicit operator bool() const { return status != 0; }
};

// How the body of a request is delimited and what becomes of the connection.
struct Framing {
  uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false;
  bool expects_continue = false;
  bool has_body() const { return chunked || content_length > 0; }
};

// Finds the end of a head in a growing buffer. Looks at every byte once, so a head that arrives
// byte by byte costs no more than one that comes whole.
class HeadScanner {
 public:
  // The size of the head with its empty line, or 0 while it is incomplete or when there is a
  // problem: too long, or line ends that are no CRLF.
  size_t Scan(std::string_view buffer, HttpProblem& problem);
  void Reset() { *this = HeadScanner(); }

 private:
  size_t scanned_ = 0;
  size_t line_start_ = 0;
};

// Reads a complete head into the method, path, query and headers of `request`.
HttpProblem ParseHead(std::string_view head, Request& request, Framing& framing);

// The path of a target: percent-decoded, without trailing slashes. Fails on bad escapes, bytes that
// are no UTF-8, NUL, and segments "." and "..".
HttpProblem DecodePath(std::string_view raw, std::string& path);

// Decodes a chunked body (RFC 9112, section 7.1) piece by piece. Extensions and trailers are
// bounded and dropped.
class ChunkedDecoder {
 public:
  // Appends what `in` holds to `body` and sets `used` to the bytes taken: all of them until the
  // body is done.
  HttpProblem Feed(std::string_view in, size_t& used, std::string& body, size_t body_bytes_max);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd, kTrailer, kDone };

  HttpProblem EndLine(std::string_view line, uint64_t room);

  State state_ = State::kSize;
  uint64_t chunk_left_ = 0;
  std::string line_;    // of a size, the end of data, or a trailer, as far as it came
  size_t dropped_ = 0;  // bytes of extensions and trailers so far
};

}  // namespace stampede::net
