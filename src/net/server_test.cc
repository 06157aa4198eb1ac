#include "net/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "base/mutex.h"

namespace stampede::net {
namespace {

using testing::HasSubstr;

struct RawReply {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

// Polls `fd` for something to read; without one, just lets `timeout_ms` pass.
bool Readable(int fd, int timeout_ms) {
  pollfd wanted = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, timeout_ms) > 0;
}

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    Readable(-1, 5);
  }
  return false;
}

// A client that sends exactly the bytes it is told to.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    timeval patience = {.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_zero = {}};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(fd_); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // False when the other side is gone.
  bool Send(std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Status 0 when the connection ends before a whole reply.
  RawReply Read(bool with_body = true) {
    RawReply reply;
    size_t end;
    while ((end = in_.find("\r\n\r\n")) == in_.npos) {
      if (!Fill()) return reply;
    }
    std::string head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
      size_t line_end = head.find("\r\n", at), colon = head.find(':', at);
      reply.headers[head.substr(at, colon - at)] = head.substr(colon + 2, line_end - colon - 2);
      at = line_end + 2;
    }
    size_t size = reply.headers.contains("Content-Length") && with_body
                      ? std::stoul(reply.headers["Content-Length"])
                      : 0;
    while (in_.size() < size) {
      if (!Fill()) return reply;
    }
    reply.body = in_.substr(0, size);
    in_.erase(0, size);
    reply.status = std::stoi(head.substr(9, 3));
    return reply;
  }
  RawReply Ask(std::string_view text) {
    Send(text);
    return Read();
  }
  bool AtEnd() { return in_.empty() && !Fill(); }

 private:
  bool Fill() {
    char buffer[65536];
    ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    if (size > 0) in_.append(buffer, static_cast<size_t>(size));
    return size > 0;
  }

  int fd_;
  bool connected_ = false;
  std::string in_;
};

// Says what it was asked; /block waits for Release(), /large answers with 20 MB.
class EchoHandler final : public HttpHandler {
 public:
  size_t BodyBytesMax(Method, std::string_view path) const override {
    return path == "/upload" ? 1'000'000 : 10'000;
  }
  Reply Handle(Request& request) override {
    if (request.path == "/block") Block();
    if (request.path == "/large") {
      Reply reply = Reply::Text("");
      reply.shared_body = large_;
      return reply;
    }
    if (request.path == "/evil") {
      return Reply::Text("evil").Header("X-Evil", "a\r\nSet-Cookie: b");
    }
    std::string text = request.path + "?" + request.query + " " + request.client_address + " " +
                       std::to_string(request.body.size());
    if (request.body.size() < 100) text += " " + request.body;
    return Reply::Text(text).Header("X-Request-Id", request.request_id);
  }
  void WaitForBlocked(int count) {
    MutexLock lock(mutex_);
    while (blocked_ < count) changed_.Wait(mutex_);
  }
  void Release() {
    MutexLock lock(mutex_);
    released_ = true;
    changed_.NotifyAll();
  }

 private:
  void Block() {
    MutexLock lock(mutex_);
    ++blocked_;
    changed_.NotifyAll();
    while (!released_) changed_.Wait(mutex_);
  }

  const std::shared_ptr<const std::string> large_ =
      std::make_shared<const std::string>(20'000'000, 'x');
  Mutex mutex_;
  CondVar changed_;
  int blocked_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  bool released_ STAMPEDE_GUARDED_BY(mutex_) = false;
};

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override { handler_.Release(); }

  uint16_t Start() {
    server_ = std::make_unique<HttpServer>(options_, handler_, clock_, random_, metrics_);
    server_->Start();
    return server_->port();
  }
  bool MetricBecomes(const std::string& line) {
    return Eventually([&] { return metrics_.Render().find(line + "\n") != std::string::npos; });
  }

  ServerOptions options_{.workers = 4};
  EchoHandler handler_;
  SystemClock clock_;
  SystemRandom random_;
  obs::Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  RawClient client(Start());
  for (int i = 0; i < 3; ++i) {
    RawReply reply = client.Ask(kGet);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "/a? 127.0.0.1 0 ");
    EXPECT_EQ(reply.headers["Content-Type"], "text/plain; charset=utf-8");
    EXPECT_THAT(reply.headers["Date"], HasSubstr(" GMT"));
    EXPECT_GE(reply.headers["X-Request-Id"].size(), 16u);
    EXPECT_FALSE(reply.headers.contains("Server"));
    EXPECT_FALSE(reply.headers.contains("Connection"));
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  RawClient client(Start());
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all +=
        "\r\nPOST /p" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  }
  client.Send(all);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(client.Read().body, "/p" + std::to_string(i) + "? 127.0.0.1 2 ab");
  }
}

TEST_F(ServerTest, ReadsBodiesHoweverTheyArrive) {
  RawClient client(Start());
  std::string text =
      "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  for (char c : text) client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.Read().body, "/b? 127.0.0.1 5 abcde");
  EXPECT_EQ(client.Read().body, "/c? 127.0.0.1 5 hello");
  client.Send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
  client.Send(std::string(900'000, 'x'));
  EXPECT_EQ(client.Read().body, "/upload? 127.0.0.1 900000");
}

TEST_F(ServerTest, AClientMayWaitToBeToldToSendItsBody) {
  RawClient client(Start());
  client.Send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Ask("ab").body, "/b? 127.0.0.1 2 ab");
}

TEST_F(ServerTest, HeadHasTheHeadersOnly) {
  RawClient client(Start());
  client.Send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read(false).headers["Content-Length"], "16");
  EXPECT_EQ(client.Ask(kGet).status, 200);
}

TEST_F(ServerTest, ConnectionsEndWhenTheClientWantsIt) {
  uint16_t port = Start();
  RawClient closing(port), old(port), old_keeping(port);
  EXPECT_EQ(
      closing.Ask("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").headers["Connection"],
      "close");
  EXPECT_TRUE(closing.AtEnd());
  EXPECT_EQ(old.Ask("GET /a HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(old.AtEnd());
  std::string_view keep = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(old_keeping.Ask(keep).headers["Connection"], "keep-alive");
  EXPECT_EQ(old_keeping.Ask(keep).status, 200);
}

TEST_F(ServerTest, MalformedRequestsGetAClearAnswerAndTheServerStaysUp) {
  uint16_t port = Start();
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, int>> cases = {
      {"nonsense\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00", 400},
      {"GET / HTTP/1.1\nHost: x\n\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n"s, 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
      {"GET /" + std::string(10'000, 'a'), 414},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(20'000, 'a'), 431},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999999\r\n\r\n", 413},
  };
  for (const auto& [text, status] : cases) {
    RawClient client(port);
    RawReply reply = client.Ask(text);
    EXPECT_EQ(reply.status, status) << text.substr(0, 100);
    EXPECT_THAT(reply.body, HasSubstr("{\"error\":\"")) << text.substr(0, 100);
    EXPECT_EQ(reply.headers["Connection"], "close");
    EXPECT_EQ(reply.headers["Access-Control-Allow-Origin"], "*");
    EXPECT_TRUE(client.AtEnd()) << text.substr(0, 100);
  }
  EXPECT_EQ(RawClient(port).Ask(kGet).status, 200);
}

TEST_F(ServerTest, AHeaderFloodEnds) {
  RawClient client(Start());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 100'000 && client.Send("A: b\r\n"); ++i) {
  }
  EXPECT_EQ(client.Read().status, 431);
}

TEST_F(ServerTest, ARefusalIsReadableBehindABodyThatKeepsComing) {
  RawClient client(Start());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  client.Send(std::string(1'000'000, 'x'));
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(ServerTest, SlowHeadersAreCutOffHoweverTheyDrip) {
  options_.header_timeout_ms = 200;
  RawClient client(Start());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n");
  while (!Readable(client.fd(), 20) && client.Send("A: b\r\n")) {
  }
  EXPECT_EQ(client.Read().status, 408);
}

TEST_F(ServerTest, SlowBodiesAreCutOff) {
  options_.body_timeout_ms = 200;
  RawClient client(Start());
  client.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  while (!Readable(client.fd(), 20) && client.Send("b")) {
  }
  EXPECT_EQ(client.Read().status, 408);
}

TEST_F(ServerTest, SilentConnectionsAreClosed) {
  options_.header_timeout_ms = 100;
  options_.idle_timeout_ms = 100;
  uint16_t port = Start();
  RawClient silent(port), idle(port);
  EXPECT_EQ(idle.Ask(kGet).status, 200);
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_TRUE(silent.AtEnd());
  EXPECT_TRUE(MetricBecomes("stampede_http_connections 0"));
}

TEST_F(ServerTest, SlowReadersAreCutOff) {
  options_.write_timeout_ms = 50;
  ManualClock clock;
  server_ = std::make_unique<HttpServer>(options_, handler_, clock, random_, metrics_);
  server_->Start();
  RawClient client(server_->port(), 4096);
  client.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Readable(client.fd(), 10'000));
  EXPECT_TRUE(Eventually([&] {
    clock.AdvanceMs(60'000);
    return metrics_.Render().find("stampede_http_slow_readers_total 1") != std::string::npos;
  }));
  EXPECT_TRUE(MetricBecomes("stampede_http_connections 0"));
  server_.reset();  // before its clock
}

TEST_F(ServerTest, LargeRepliesArriveWhole) {
  RawClient client(Start());
  EXPECT_EQ(client.Ask("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").body.size(), 20'000'000u);
  EXPECT_EQ(client.Ask(kGet).status, 200);
}

TEST_F(ServerTest, WhenEverybodyIsBusyAndTheQueueIsFullTheAnswerIs503) {
  options_.workers = 1;
  options_.queue_max = 1;
  uint16_t port = Start();
  RawClient running(port), waiting(port), refused(port);
  std::string_view block = "GET /block HTTP/1.1\r\nHost: x\r\n\r\n";
  running.Send(block);
  handler_.WaitForBlocked(1);
  waiting.Send(block);
  EXPECT_TRUE(MetricBecomes("stampede_http_requests_waiting 1"));
  RawReply reply = refused.Ask(kGet);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.headers["Retry-After"], "1");
  EXPECT_EQ(reply.headers["Access-Control-Allow-Origin"], "*");
  // Thousands of pipelined requests are refused one after the other, not inside each other.
  std::string many;
  for (int i = 0; i < 2000; ++i) many += kGet;
  refused.Send(many);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(refused.Read().status, 503);
  handler_.Release();
  EXPECT_EQ(running.Read().status, 200);
  EXPECT_EQ(waiting.Read().status, 200);
  EXPECT_EQ(refused.Ask(kGet).status, 200);
}

TEST_F(ServerTest, ConnectionsAreBounded) {
  options_.connections_max = 1;
  uint16_t port = Start();
  auto first = std::make_unique<RawClient>(port);
  EXPECT_EQ(first->Ask(kGet).status, 200);
  RawClient second(port);
  EXPECT_EQ(second.Read().status, 503);
  EXPECT_TRUE(second.AtEnd());
  first.reset();
  EXPECT_TRUE(Eventually([&] { return RawClient(port).Ask(kGet).status == 200; }));
}

TEST_F(ServerTest, AllBodiesTogetherAreBounded) {
  options_.bodies_bytes_max = 1500;
  uint16_t port = Start();
  RawClient first(port), second(port);
  std::string upload =
      "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + std::string(1000, 'x');
  first.Send(upload);
  second.Send(upload);
  EXPECT_TRUE(Eventually([&] { return Readable(first.fd(), 0) || Readable(second.fd(), 0); }));
  RawClient& refused = Readable(first.fd(), 0) ? first : second;
  RawClient& kept = &refused == &first ? second : first;
  EXPECT_EQ(refused.Read().status, 503);
  EXPECT_EQ(kept.Ask("x").status, 200);
  EXPECT_EQ(kept.Ask(upload + "x").status, 200) << "what was refused counts no longer";
}

TEST_F(ServerTest, OnlyTrustedProxiesSayWhoTheClientIs) {
  constexpr std::string_view kForwarded =
      "GET /a HTTP/1.1\r\nHost: x\r\nX-Request-Id: from-proxy\r\n"
      "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 198.51.100.7, 10.1.2.3\r\n\r\n";
  RawReply reply = RawClient(Start()).Ask(kForwarded);
  EXPECT_EQ(reply.body, "/a? 127.0.0.1 0 ");
  EXPECT_NE(reply.headers["X-Request-Id"], "from-proxy");
  options_.trusted_proxies = {"127.0.0.0/8", "10.0.0.0/8"};
  reply = RawClient(Start()).Ask(kForwarded);
  EXPECT_EQ(reply.body, "/a? 198.51.100.7 0 ");
  EXPECT_EQ(reply.headers["X-Request-Id"], "from-proxy");
}

TEST_F(ServerTest, HeadersCannotBeSplit) {
  RawReply reply = RawClient(Start()).Ask("GET /evil HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(reply.body, "evil");
  EXPECT_FALSE(reply.headers.contains("Set-Cookie"));
}

TEST_F(ServerTest, StoppingFinishesWhatWasAccepted) {
  uint16_t port = Start();
  RawClient busy(port), idle(port);
  EXPECT_EQ(idle.Ask(kGet).status, 200);
  busy.Send("GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
  handler_.WaitForBlocked(1);
  std::thread stopper([&] { server_->Stop(); });
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_TRUE(Eventually([&] { return !RawClient(port).connected(); }));
  handler_.Release();
  RawReply reply = busy.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers["Connection"], "close");
  EXPECT_TRUE(busy.AtEnd());
  stopper.join();
}

TEST_F(ServerTest, APortThatIsTakenIsAnError) {
  options_.port = Start();
  HttpServer second(options_, handler_, clock_, random_, metrics_);
  EXPECT_THROW(second.Start(), std::system_error);
  options_.trusted_proxies = {"nonsense"};
  EXPECT_THROW(HttpServer(options_, handler_, clock_, random_, metrics_), std::invalid_argument);
}

TEST_F(ServerTest, ManyClientsOnSeveralLoops) {
  options_.io_threads = 2;
  uint16_t port = Start();
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int c = 0; c < 5; ++c) {
        RawClient client(port);
        for (int i = 0; i < 50; ++i) answered += client.Ask(kGet).status == 200;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 8 * 5 * 50);
}

}  // namespace
}  // namespace stampede::net
