#include "net/http_parser.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace stampede::net {
namespace {

using namespace std::string_literals;

struct Parsed {
  HttpProblem problem;
  Request request;
  Framing framing;
};

Parsed Parse(std::string_view head) {
  Parsed parsed;
  HeadScanner scanner;
  size_t size = scanner.Scan(head, parsed.problem);
  if (parsed.problem) return parsed;
  EXPECT_EQ(size, head.size()) << head;
  parsed.problem = ParseHead(head, parsed.request, parsed.framing);
  return parsed;
}

int StatusOf(std::string_view head) { return Parse(head).problem.status; }

TEST(ParseHead, ReadsAnOrdinaryRequest) {
  Parsed parsed = Parse(
      "POST /api/v1/statuses/?a=%20b HTTP/1.1\r\nHost: example.org\r\nContent-LENGTH: 12\r\n"
      "X-Empty:\r\nX-Spaces: \t a b \t\r\nX-Latin: \xe4\r\n\r\n");
  ASSERT_FALSE(parsed.problem) << parsed.problem.text;
  EXPECT_EQ(parsed.request.method, Method::kPost);
  EXPECT_EQ(parsed.request.path, "/api/v1/statuses");
  EXPECT_EQ(parsed.request.query, "a=%20b");
  EXPECT_EQ(parsed.request.Header("x-spaces"), "a b");
  EXPECT_EQ(parsed.framing.content_length, 12u);
  EXPECT_TRUE(parsed.framing.keep_alive);
}

TEST(ParseHead, TargetsComeInSeveralForms) {
  EXPECT_EQ(Parse("GET http://example.org/a?b HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "/a");
  EXPECT_EQ(Parse("GET http://example.org HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "/");
  EXPECT_EQ(Parse("GET http://example.org?q HTTP/1.1\r\nHost: x\r\n\r\n").request.query, "q");
  EXPECT_EQ(Parse("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "*");
  EXPECT_EQ(Parse("GET /%40caf%C3%A9// HTTP/1.1\r\nHost: x\r\n\r\n").request.path, "/@caf\xc3\xa9");
  EXPECT_EQ(Parse("BREW / HTTP/1.1\r\nHost: x\r\n\r\n").request.method, Method::kOther);
}

TEST(ParseHead, ConnectionsLastAsTheVersionAndTheHeaderSay) {
  EXPECT_FALSE(
      Parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, Close\r\n\r\n").framing.keep_alive);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\n\r\n").framing.keep_alive);
  EXPECT_TRUE(Parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").framing.keep_alive);
}

TEST(ParseHead, RefusesWhatIsMalformed) {
  for (const std::string& head : {
           "GET /\r\nHost: x\r\n\r\n"s,
           "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"s,
           "GET / http/1.1\r\nHost: x\r\n\r\n"s,
           "GET a HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "CONNECT a:443 HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "\x16\x03\x01\x02"s,
           "GET / HTTP/1.1\nHost: x\n\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost : x\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\n: v\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"s,
           "GET / HTTP/1.1\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"s,
           "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /a/%2e%2e/b HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /a/.. HTTP/1.1\r\nHost: x\r\n\r\n"s,
       }) {
    EXPECT_EQ(StatusOf(head), 400) << head;
  }
}

TEST(ParseHead, RefusesWhatCouldBeSmuggled) {
  const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(StatusOf(start + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: 1, 1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: +1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: 0x1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length:\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Content-Length: 99999999999999999999\r\n\r\n"), 413);
  EXPECT_EQ(StatusOf(start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400);
  EXPECT_EQ(StatusOf(start + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(StatusOf(start + "Transfer-Encoding: xchunked\r\n\r\n"), 501);
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(start + "Expect: magic\r\n\r\n"), 417);
  EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
}

TEST(ParseHead, RefusesWhatIsTooLong) {
  std::string target(limits::kTargetBytesMax + 1, 'a');
  EXPECT_EQ(StatusOf("GET /" + target + " HTTP/1.1\r\nHost: x\r\n\r\n"), 414);
  EXPECT_EQ(StatusOf("GET /" + target + target), 414);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nA: " + std::string(limits::kHeaderBytesMax, 'a')), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (size_t i = 0; i < limits::kHeaderCountMax; ++i) many += "A: b\r\n";
  EXPECT_EQ(StatusOf(many + "\r\n"), 431);
}

TEST(HeadScanner, WorksByteByByte) {
  std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  HeadScanner scanner;
  HttpProblem problem;
  for (size_t size = 1; size < head.size(); ++size) {
    ASSERT_EQ(scanner.Scan(std::string_view(head).substr(0, size), problem), 0u);
    ASSERT_FALSE(problem);
  }
  EXPECT_EQ(scanner.Scan(head + "GET / more", problem), head.size());
}

// Feeds in pieces of `step` bytes; the status of the problem, 0 when done, -1 when there is more
// to come.
int Decode(std::string_view text, size_t step, std::string& body, size_t body_bytes_max = 100) {
  ChunkedDecoder decoder;
  while (!text.empty()) {
    size_t used = 0;
    std::string_view piece = text.substr(0, step);
    if (HttpProblem problem = decoder.Feed(piece, used, body, body_bytes_max))
      return problem.status;
    if (decoder.done()) {
      text.remove_prefix(used);
      return text.empty() || text == "rest" ? 0 : -2;
    }
    EXPECT_EQ(used, piece.size());
    text.remove_prefix(used);
  }
  return -1;
}

TEST(ChunkedDecoder, JoinsChunksHoweverTheyArrive) {
  for (size_t step : {1, 2, 3, 7, 1000}) {
    std::string body;
    EXPECT_EQ(
        Decode("3\r\nabc\r\n00A; x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest", step, body), 0);
    EXPECT_EQ(body, "abc0123456789") << step;
  }
}

TEST(ChunkedDecoder, RefusesWhatIsMalformedOrTooLarge) {
  std::string body;
  for (std::string_view text : {"x\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n", "-1\r\n",
                                "0x3\r\n", " 3\r\n", "3 4\r\n", "\r\n", "3\r\nabc\n"}) {
    body.clear();
    EXPECT_EQ(Decode(text, 1000, body), 400) << text;
  }
  body.clear();
  EXPECT_EQ(Decode("65\r\n", 1000, body), 413);
  EXPECT_EQ(Decode("ffffffffffffffff\r\n", 1000, body), 413);
  EXPECT_EQ(Decode("fffffffffffffffff\r\n", 1000, body), 413);
  EXPECT_EQ(Decode("1;" + std::string(1000, 'x'), 10, body), 400);
  EXPECT_EQ(Decode("0\r\n" + std::string(100'000, 'x'), 1000, body), 400);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 10'000; ++i) trailers += "A: bcd\r\n";
  EXPECT_EQ(Decode(trailers, 1000, body), 400);
  EXPECT_EQ(Decode("3\r\nabc\r\n", 1000, body), -1);
}

}  // namespace
}  // namespace stampede::net
