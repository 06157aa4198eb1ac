#include "net/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <list>
#include <thread>

#include "base/mutex.h"

namespace stampede::net {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

void Send(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(sent);
  }
}

void SendOk(int fd, std::string_view body, std::string_view headers = "") {
  Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\nConnection: close\r\n" + std::string(headers) + "\r\n" + std::string(body));
}

void SendRedirect(int fd, std::string_view location, std::string_view status = "302 Found") {
  Send(fd, "HTTP/1.1 " + std::string(status) + "\r\nLocation: " + std::string(location) +
               "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

// Answers each connection to 127.0.0.1 on a thread of its own, with one request and one answer.
class LoopbackServer {
 public:
  using Answer = std::function<void(int fd, const std::string& request)>;

  explicit LoopbackServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~LoopbackServer() { Close(); }

  void Close() {
    if (!acceptor_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    {
      MutexLock lock(mutex_);
      closing_ = true;
      changed_.NotifyAll();
      for (int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  std::string Pair() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string Url(std::string_view path = "/") const {
    return "http://" + Pair() + std::string(path);
  }
  std::string port() const { return std::to_string(port_); }
  size_t connections() {
    MutexLock lock(mutex_);
    return open_.size();
  }
  std::vector<std::string> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }
  // Waits until so many requests arrived.
  void AwaitRequests(size_t count) {
    MutexLock lock(mutex_);
    while (requests_.size() < count) changed_.Wait(mutex_);
  }
  // Holds an answer back until the server closes; false once it does.
  bool Hold(int for_ms) {
    MutexLock lock(mutex_);
    if (!closing_) changed_.WaitFor(mutex_, for_ms * 1000);
    return !closing_;
  }

 private:
  void Accept() {
    for (;;) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      {
        MutexLock lock(mutex_);
        open_.push_back(fd);
      }
      threads_.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    std::string request;
    char buffer[4096];
    size_t wanted = std::string::npos;
    while (request.size() < wanted) {
      ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      request.append(buffer, got);
      if (request[0] == 0x16) break;  // a TLS handshake
      size_t head = request.find("\r\n\r\n");
      if (head == request.npos) continue;
      size_t length = request.find("Content-Length: ");
      wanted = head + 4 + (length < head ? std::strtoul(&request[length + 16], nullptr, 10) : 0);
    }
    {
      MutexLock lock(mutex_);
      requests_.push_back(request);
      changed_.NotifyAll();
    }
    answer_(fd, request);
    shutdown(fd, SHUT_WR);
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    MutexLock lock(mutex_);
    close(fd);
    std::replace(open_.begin(), open_.end(), fd, -1);
  }

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::list<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  bool closing_ STAMPEDE_GUARDED_BY(mutex_) = false;
  std::vector<int> open_ STAMPEDE_GUARDED_BY(mutex_);  // -1 when closed again
  std::vector<std::string> requests_ STAMPEDE_GUARDED_BY(mutex_);
};

class HttpClientTest : public testing::Test {
 protected:
  static ClientOptions Options(std::vector<std::string> allowed = {}) {
    return {.version = "1.2", .base_url = "https://stampede.example", .allow = AllowList(allowed)};
  }
  HttpClient& Client(ClientOptions options) {
    client_ = std::make_unique<HttpClient>(std::move(options), clock_, metrics_);
    return *client_;
  }
  OutgoingResult Get(const LoopbackServer& server, OutgoingRequest request = {}) {
    if (request.url.empty()) request.url = server.Url();
    return Client(Options({server.Pair()})).Fetch(std::move(request));
  }

  SystemClock clock_;
  obs::Metrics metrics_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(HttpClientTest, AnAllowedServerIsFetched) {
  LoopbackServer server(
      [](int fd, const std::string&) { SendOk(fd, "hello", "X-Two:  a b \r\n"); });
  OutgoingResult result =
      Get(server, {.url = server.Url("/a/../b?q=é x#part"), .headers = {{"Accept", "text/html"}}});
  EXPECT_EQ(result.error, OutgoingError::kNone) << result.text;
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.body, "hello");
  EXPECT_EQ(result.Header("x-two"), "a b");
  EXPECT_EQ(result.final_url, server.Url("/b?q=%c3%a9+x"));
  std::string request = server.requests().at(0);
  EXPECT_THAT(request, HasSubstr("GET /b?q=%c3%a9+x HTTP/1.1\r\nHost: " + server.Pair() + "\r\n"));
  EXPECT_THAT(request, HasSubstr("User-Agent: Stampede/1.2 (+https://stampede.example)\r\n"));
  EXPECT_THAT(request, HasSubstr("Accept: text/html\r\n"));
  EXPECT_THAT(request, HasSubstr("Accept-Encoding: gzip\r\n"));
  EXPECT_THAT(metrics_.Render(), HasSubstr("outgoing_requests_total{error=\"none\"} 1\n"));
}

TEST_F(HttpClientTest, APostCarriesItsBodyAndNothingOfOurs) {
  LoopbackServer server([](int fd, const std::string&) { SendOk(fd, ""); });
  Get(server, {.method = Method::kPost,
               .url = server.Url("/inbox"),
               .headers = {{"Content-Type", "application/activity+json"}},
               .body = std::string("{\"a\":\0}", 7)});
  std::string request = server.requests().at(0);
  EXPECT_THAT(request, testing::StartsWith("POST /inbox HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/activity+json\r\n"));
  EXPECT_THAT(request, testing::EndsWith(std::string("\r\n\r\n{\"a\":\0}", 11)));
  EXPECT_THAT(request, Not(HasSubstr("Expect")));

  LoopbackServer other([](int fd, const std::string&) { SendOk(fd, ""); });
  Get(other, {.method = Method::kDelete, .url = other.Url()});
  EXPECT_THAT(other.requests().at(0), testing::StartsWith("DELETE / HTTP/1.1\r\n"));
  EXPECT_THAT(other.requests().at(0), Not(HasSubstr("Content-Type")));
}

TEST_F(HttpClientTest, AHeadRequestMayDeclareAnySize) {
  LoopbackServer server([](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n");
  });
  OutgoingResult result = Get(server, {.method = Method::kHead, .url = server.Url()});
  EXPECT_TRUE(result.ok()) << result.text;
  EXPECT_EQ(result.Header("content-length"), "99999999");
}

TEST_F(HttpClientTest, NoSpellingOfLoopbackIsConnectedTo) {
  LoopbackServer server([](int fd, const std::string&) { SendOk(fd, "secret"); });
  HttpClient& client = Client(Options());
  for (const char* host : {"127.0.0.1",
                           "2130706433",
                           "0x7f000001",
                           "0x7f.1",
                           "0177.0.0.1",
                           "017700000001",
                           "127.1",
                           "127.0.1",
                           "localhost",
                           "LOCALHOST",
                           "localhost.",
                           "[::1]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[64:ff9b::7f00:1]",
                           "[2002:7f00:1::]",
                           "0",
                           "0.0.0.0",
                           "[::]",
                           "169.254.169.254",
                           "[fd00:ec2::254]",
                           "10.0.0.1",
                           "%31%32%37.0.0.1",
                           "１２７.0.0.1"}) {
    OutgoingResult result =
        client.Fetch({.url = "http://" + std::string(host) + ":" + server.port() + "/"});
    EXPECT_THAT(result.error,
                AnyOf(OutgoingError::kRefusedAddress, OutgoingError::kDns, OutgoingError::kBadUrl))
        << host << ": " << result.text;
    EXPECT_EQ(result.body, "");
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(HttpClientTest, DecimalOctalAndHexSpellingsAreRefusedByAddress) {
  HttpClient& client = Client(Options());
  for (const char* host : {"2130706433", "0x7f.1", "0177.1", "localhost", "[::ffff:127.0.0.1]"}) {
    OutgoingResult result = client.Fetch({.url = "http://" + std::string(host) + "/"});
    EXPECT_EQ(result.error, OutgoingError::kRefusedAddress) << host << ": " << result.text;
  }
}

TEST_F(HttpClientTest, ANameThatTurnsToLoopbackIsRefused) {
  LoopbackServer open([](int fd, const std::string&) { SendOk(fd, "open"); });
  LoopbackServer secret([](int fd, const std::string&) { SendOk(fd, "secret"); });
  ClientOptions options = Options({open.Pair()});
  options.resolve = {"rebind.test:" + open.port() + ":127.0.0.1",
                     "rebind.test:" + secret.port() + ":127.0.0.1",
                     "both.test:" + open.port() + ":169.254.169.254,[::1],127.0.0.1"};
  HttpClient& client = Client(std::move(options));
  EXPECT_EQ(client.Fetch({.url = "http://rebind.test:" + open.port()}).body, "open");
  EXPECT_EQ(client.Fetch({.url = "http://rebind.test:" + secret.port()}).error,
            OutgoingError::kRefusedAddress);
  // Of several addresses only the good one is connected to.
  EXPECT_EQ(client.Fetch({.url = "http://both.test:" + open.port()}).body, "open");
  EXPECT_EQ(secret.connections(), 0u);
}

TEST_F(HttpClientTest, ARedirectToARefusedAddressIsRefused) {
  LoopbackServer secret([](int fd, const std::string&) { SendOk(fd, "secret"); });
  for (const std::string& location :
       {secret.Url(), std::string("http://169.254.169.254/latest/meta-data/"),
        "//[::1]:" + secret.port(), "http://localhost:" + secret.port()}) {
    LoopbackServer server([&](int fd, const std::string&) { SendRedirect(fd, location); });
    OutgoingResult result = Get(server);
    EXPECT_EQ(result.error, OutgoingError::kRefusedAddress) << location << ": " << result.text;
  }
  EXPECT_EQ(secret.connections(), 0u);
}

TEST_F(HttpClientTest, ARedirectToAnotherKindOfUrlIsRefused) {
  for (const char* location :
       {"file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1:70/_x",
        "http://user:secret@example.com/", "http://", "javascript:alert(1)"}) {
    LoopbackServer server([&](int fd, const std::string&) { SendRedirect(fd, location); });
    EXPECT_EQ(Get(server).error, OutgoingError::kBadUrl) << location;
  }
}

TEST_F(HttpClientTest, ThreeRedirectsAreFollowedAndNotFour) {
  LoopbackServer server([](int fd, const std::string& request) {
    int left = std::atoi(request.c_str() + std::strlen("GET /"));
    left ? SendRedirect(fd, std::to_string(left - 1)) : SendOk(fd, "there");
  });
  OutgoingResult result = Get(server, {.url = server.Url("/3")});
  EXPECT_EQ(result.body, "there");
  EXPECT_EQ(result.final_url, server.Url("/0"));
  EXPECT_EQ(Get(server, {.url = server.Url("/4")}).error, OutgoingError::kTooManyRedirects);
  EXPECT_EQ(server.requests().size(), 8u);
}

TEST_F(HttpClientTest, ARedirectLoopEnds) {
  LoopbackServer server([&](int fd, const std::string&) { SendRedirect(fd, "/"); });
  EXPECT_EQ(Get(server).error, OutgoingError::kTooManyRedirects);
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST_F(HttpClientTest, ARedirectIsTheResultForPostsAndOnDemand) {
  LoopbackServer server([&](int fd, const std::string&) {
    SendRedirect(fd, "/elsewhere", "307 Temporary Redirect");
  });
  EXPECT_EQ(Get(server, {.method = Method::kPost, .url = server.Url()}).status, 307);
  OutgoingResult result = Get(server, {.url = server.Url(), .redirects_max = 0});
  EXPECT_EQ(result.status, 307);
  EXPECT_EQ(result.Header("location"), "/elsewhere");
}

TEST_F(HttpClientTest, CredentialsDoNotCrossOrigins) {
  LoopbackServer other([](int fd, const std::string&) { SendOk(fd, ""); });
  LoopbackServer server([&](int fd, const std::string& request) {
    SendRedirect(fd, request.starts_with("GET /1") ? "/2" : other.Url("/3"));
  });
  std::vector<std::string> signed_urls;
  OutgoingRequest request{
      .url = server.Url("/1"),
      .headers = {{"Authorization", "Bearer x"}, {"signature", "stale"}, {"X-Kept", "yes"}},
      .sign = [&](std::string_view url, HeaderList& headers) {
        signed_urls.emplace_back(url);
        headers.emplace_back("X-Signed", std::to_string(signed_urls.size()));
      }};
  HttpClient& client = Client(Options({server.Pair(), other.Pair()}));
  EXPECT_TRUE(client.Fetch(std::move(request)).ok());
  std::string first = server.requests().at(0), second = server.requests().at(1);
  std::string third = other.requests().at(0);
  EXPECT_THAT(first, testing::AllOf(HasSubstr("Bearer x"), HasSubstr("stale")));
  EXPECT_THAT(second, testing::AllOf(HasSubstr("Bearer x"), Not(HasSubstr("stale"))));
  EXPECT_THAT(third, testing::AllOf(Not(HasSubstr("Bearer x")), HasSubstr("X-Kept: yes\r\n"),
                                    HasSubstr("X-Signed: 3\r\n")));
  EXPECT_THAT(signed_urls,
              testing::ElementsAre(server.Url("/1"), server.Url("/2"), other.Url("/3")));
}

TEST_F(HttpClientTest, BadUrlsAreRefusedWithoutAConnection) {
  HttpClient& client = Client(Options());
  for (const std::string& url :
       {std::string("example.com/"), std::string("ftp://example.com/"),
        std::string("file:///etc/passwd"), std::string("http://user@example.com/"),
        std::string("http://u:p@example.com/"), std::string("http://@example.com/"),
        std::string("http://"), std::string("http:///"), std::string("http://exa mple.com/"),
        std::string("http://example.com:99999/"), std::string("http://example.com/\r\nX: y"),
        std::string("http://example.com/\0x", 21), std::string("javascript:alert(1)"),
        std::string(), "http://example.com/" + std::string(limits::kOutgoingUrlBytesMax, 'a')}) {
    EXPECT_EQ(client.Fetch({.url = url}).error, OutgoingError::kBadUrl) << url;
  }
}

TEST_F(HttpClientTest, AHeaderCannotForgeAnother) {
  LoopbackServer server([](int fd, const std::string&) { SendOk(fd, ""); });
  for (const auto& header : HeaderList{{"X", "a\r\nY: b"},
                                       {"X:", "a"},
                                       {"", "a"},
                                       {"Host", "b"},
                                       {"content-LENGTH", "3"},
                                       {"X", std::string("\0", 1)}}) {
    EXPECT_EQ(Get(server, {.url = server.Url(), .headers = {header}}).error,
              OutgoingError::kProtocol);
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(HttpClientTest, ADeclaredBodyOverTheLimitIsRefusedUnread) {
  LoopbackServer server([](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
  });
  OutgoingResult result = Get(server);
  EXPECT_EQ(result.error, OutgoingError::kTooLarge);
  EXPECT_EQ(result.status, 200);
}

TEST_F(HttpClientTest, AnEndlessBodyIsBrokenOff) {
  LoopbackServer server([](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\n\r\n" + std::string(4'000'000, 'x'));
  });
  OutgoingResult result = Get(server);
  EXPECT_EQ(result.error, OutgoingError::kTooLarge);
  EXPECT_EQ(result.body, "");

  result = Get(server, {.url = server.Url(), .body_bytes_max = 1000, .body_may_be_cut = true});
  EXPECT_TRUE(result.ok()) << result.text;
  EXPECT_TRUE(result.body_cut);
  EXPECT_EQ(result.body, std::string(1000, 'x'));
}

TEST_F(HttpClientTest, EndlessHeadersAreBrokenOff) {
  LoopbackServer server([](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10'000; ++i) Send(fd, "X-Header: some kind of value\r\n");
  });
  EXPECT_EQ(Get(server).error, OutgoingError::kTooLarge);
}

// 258 * `matches` + 1 zero bytes as gzip (RFC 1951, 1952): one literal and then matches of 258
// bytes at distance 1, in one block of fixed Huffman codes.
std::string GzipZeros(size_t matches) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  unsigned held = 0, bits = 0;
  auto put = [&](unsigned code, int length) {  // most significant bit first
    while (length-- > 0) {
      held |= ((code >> length) & 1) << bits++;
      if (bits == 8) out += static_cast<char>(held), held = bits = 0;
    }
  };
  put(0b110, 3);       // last block; fixed codes
  put(0b00110000, 8);  // literal 0
  for (size_t i = 0; i < matches; ++i) put(0b11000101'00000, 13);
  put(0, 7);  // end of block
  if (bits) out += static_cast<char>(held);
  uint32_t length = static_cast<uint32_t>(258 * matches + 1), crc = ~0u;
  for (uint32_t i = 0; i < length; ++i) {
    for (int b = 0; b < 8; ++b) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  for (uint32_t value : {~crc, length}) {
    for (int b = 0; b < 4; ++b) out += static_cast<char>(value >> (8 * b));
  }
  return out;
}

TEST_F(HttpClientTest, GzipIsInflatedAndAGzipBombIsBrokenOff) {
  std::string body = GzipZeros(100);
  LoopbackServer server(
      [&](int fd, const std::string&) { SendOk(fd, body, "Content-Encoding: gzip\r\n"); });
  EXPECT_EQ(Get(server).body, std::string(258 * 100 + 1, '\0'));
  body = GzipZeros(200'000);  // 50 MB in 325 kB
  EXPECT_EQ(Get(server).error, OutgoingError::kTooLarge);
  body = "no gzip";
  EXPECT_EQ(Get(server).error, OutgoingError::kProtocol);
}

TEST_F(HttpClientTest, ASlowDripEndsAtTheDeadline) {
  LoopbackServer* self = nullptr;
  LoopbackServer server([&](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (self->Hold(20)) Send(fd, "x");
  });
  self = &server;
  OutgoingResult result =
      Get(server, {.url = server.Url(), .stall_timeout_ms = 5000, .timeout_ms = 400});
  EXPECT_EQ(result.error, OutgoingError::kTimeout);
  EXPECT_EQ(result.text, "took too long");
}

TEST_F(HttpClientTest, ASilentServerIsAStall) {
  LoopbackServer* self = nullptr;
  LoopbackServer server([&](int, const std::string&) {
    while (self->Hold(1000)) {
    }
  });
  self = &server;
  OutgoingResult result = Get(server, {.url = server.Url(), .stall_timeout_ms = 200});
  EXPECT_EQ(result.error, OutgoingError::kTimeout);
  EXPECT_EQ(result.text, "stalled");
}

TEST_F(HttpClientTest, FaultsHaveTheirKind) {
  LoopbackServer server([](int fd, const std::string&) { Send(fd, "SSH-2.0-OpenSSH\r\n"); });
  EXPECT_EQ(Get(server).error, OutgoingError::kProtocol);
  EXPECT_EQ(Get(server, {.url = "https://" + server.Pair()}).error, OutgoingError::kTls);
  LoopbackServer torn([](int fd, const std::string&) {
    Send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  EXPECT_EQ(Get(torn).error, OutgoingError::kProtocol);
  server.Close();
  EXPECT_EQ(Get(server).error, OutgoingError::kConnect);
  OutgoingResult result =
      Client(Options()).Fetch({.url = "http://no-such-host.invalid/", .connect_timeout_ms = 1000});
  EXPECT_THAT(result.error, AnyOf(OutgoingError::kDns, OutgoingError::kTimeout)) << result.text;
}

TEST_F(HttpClientTest, TheEnvironmentsProxyIsIgnored) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
  LoopbackServer server([](int fd, const std::string&) { SendOk(fd, "direct"); });
  OutgoingResult result = Get(server);
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  EXPECT_EQ(result.body, "direct") << result.text;
}

// Collects the results of Start.
class Results {
 public:
  HttpClient::Callback Next() {
    return [this](OutgoingResult result) {
      MutexLock lock(mutex_);
      errors_.push_back(result.error);
      changed_.NotifyAll();
    };
  }
  std::vector<OutgoingError> Await(size_t count) {
    MutexLock lock(mutex_);
    while (errors_.size() < count) changed_.Wait(mutex_);
    return errors_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<OutgoingError> errors_ STAMPEDE_GUARDED_BY(mutex_);
};

TEST_F(HttpClientTest, AFullQueueRefusesAndStopEndsTheRest) {
  LoopbackServer* self = nullptr;
  LoopbackServer server([&](int, const std::string&) {
    while (self->Hold(1000)) {
    }
  });
  self = &server;
  ClientOptions options = Options({server.Pair()});
  options.transfers_per_host_max = 1;
  options.queue_per_host_max = 1;
  HttpClient& client = Client(std::move(options));
  Results results;
  client.Start({.url = server.Url("/runs")}, results.Next());
  server.AwaitRequests(1);
  client.Start({.url = server.Url("/waits")}, results.Next());
  client.Start({.url = server.Url("/refused")}, results.Next());
  EXPECT_THAT(results.Await(1), testing::ElementsAre(OutgoingError::kOverloaded));
  client.Stop();
  EXPECT_THAT(results.Await(3),
              testing::ElementsAre(OutgoingError::kOverloaded, OutgoingError::kShutdown,
                                   OutgoingError::kShutdown));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(client.Fetch({.url = server.Url()}).error, OutgoingError::kShutdown);
  client.Stop();
}

TEST_F(HttpClientTest, WaitingForATurnCountsAgainstTheDeadline) {
  LoopbackServer* self = nullptr;
  LoopbackServer server([&](int, const std::string&) {
    while (self->Hold(1000)) {
    }
  });
  self = &server;
  ClientOptions options = Options({server.Pair()});
  options.transfers_per_host_max = 1;
  HttpClient& client = Client(std::move(options));
  Results results;
  client.Start({.url = server.Url()}, results.Next());
  server.AwaitRequests(1);
  OutgoingResult late = client.Fetch({.url = server.Url(), .timeout_ms = 200});
  EXPECT_EQ(late.error, OutgoingError::kTimeout);
  EXPECT_EQ(late.text, "waited for its turn");
  client.Stop();
  EXPECT_EQ(results.Await(1).size(), 1u);
}

TEST_F(HttpClientTest, ManyRequestsFromManyThreadsAllGetTheirAnswer) {
  LoopbackServer server([](int fd, const std::string& request) {
    SendOk(fd, request.substr(4, request.find(' ', 4) - 4));
  });
  HttpClient& client = Client(Options({server.Pair()}));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        std::string path = "/" + std::to_string(t * 1000 + i);
        right += client.Fetch({.url = server.Url(path)}).body == path;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST_F(HttpClientTest, ACallbackMayStartTheNextRequest) {
  LoopbackServer server([](int fd, const std::string&) { SendOk(fd, ""); });
  HttpClient& client = Client(Options({server.Pair()}));
  Results results;
  client.Start({.url = server.Url()},
               [&](OutgoingResult) { client.Start({.url = server.Url()}, results.Next()); });
  EXPECT_THAT(results.Await(1), testing::ElementsAre(OutgoingError::kNone));
}

}  // namespace
}  // namespace stampede::net
