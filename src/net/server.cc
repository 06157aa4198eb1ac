#include "net/server.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "base/mutex.h"
#include "base/thread_name.h"
#include "net/http_parser.h"
#include "net/http_writer.h"
#include "net/proxies.h"
#include "net/worker_pool.h"
#include "obs/log.h"

namespace stampede::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using IoError = boost::system::error_code;

constexpr size_t kReadBytes = 64 * 1024;
constexpr HttpProblem kOverloaded = {503, "The server is busy, try again later"};
constexpr HttpProblem kUnsettled = {503, "The server cannot save anything right now"};
constexpr HttpProblem kTooSlow = {408, "The request did not arrive in time"};

IpAddress AddressOf(const tcp::endpoint& endpoint) {
  IpAddress address;
  asio::ip::address ip = endpoint.address();
  address.bytes = ip.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, ip.to_v4()).to_bytes()
                             : ip.to_v6().to_bytes();
  return address;
}

// What a proxy in front may have called the request; anything else could forge logs.
bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

// RFC 9110, section 9.2.1.
bool IsSafe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions;
}

// What an answer of the server itself looks like: as the API's, readable from other origins.
Reply ReplyTo(const HttpProblem& problem) {
  Reply reply = Reply::Json("{\"error\":\"" + std::string(problem.text) + "\"}", problem.status);
  reply.Header("Access-Control-Allow-Origin", "*").Header("Cache-Control", "private, no-store");
  if (problem.status == 503) reply.Header("Retry-After", "1");
  return reply;
}

class Connection;

// What all connections of a server share.
struct Shared {
  ServerOptions options;
  HttpHandler& handler;
  Clock& clock;
  Random& random;
  obs::Metrics& metrics;
  TrustedProxies proxies;
  std::unique_ptr<WorkerPool> workers;
  std::atomic<bool> stopping{false};
  std::atomic<size_t> bodies_bytes{0};

  obs::Gauge& connections = metrics.AddGauge("stampede_http_connections", "Open connections.");
  obs::Gauge& waiting =
      metrics.AddGauge("stampede_http_requests_waiting", "Requests that wait for a worker.");
  obs::Gauge& running =
      metrics.AddGauge("stampede_http_requests_running", "Requests that a worker handles.");
  obs::Counter& slow_readers = metrics.AddCounter(
      "stampede_http_slow_readers_total", "Connections closed because the reply was not taken.");

  Mutex mutex;
  CondVar all_closed;
  CondVar all_settled;
  size_t open STAMPEDE_GUARDED_BY(mutex) = 0;
  size_t unsettled STAMPEDE_GUARDED_BY(mutex) = 0;

  // False when there are too many connections.
  bool CountOpened() {
    MutexLock lock(mutex);
    if (open >= options.connections_max) return false;
    connections.Set(static_cast<int64_t>(++open));
    return true;
  }
  void CountClosed() {
    MutexLock lock(mutex);
    connections.Set(static_cast<int64_t>(--open));
    if (open == 0) all_closed.NotifyAll();
  }
  // Replies that wait to be settled come back to the loops, so these stay until then.
  void CountUnsettled() {
    MutexLock lock(mutex);
    ++unsettled;
  }
  void CountSettled() {
    MutexLock lock(mutex);
    if (--unsettled == 0) all_settled.NotifyAll();
  }
  void AwaitSettled() {
    MutexLock lock(mutex);
    while (unsettled > 0) all_settled.Wait(mutex);
  }
  void CountRefusal(int status) {
    metrics
        .AddCounter("stampede_http_refused_total", "Requests answered before any handler.",
                    {{"status", std::to_string(status)}})
        .Add();
  }
};

// One I/O thread with the connections pinned to it.
struct Loop {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::steady_timer ticker{io};
  std::list<std::shared_ptr<Connection>> connections;
  std::vector<char> scratch = std::vector<char>(kReadBytes);  // where all of them read to
  std::thread thread;
};

// One request with its reply; exists only while there is one, so that idle connections are small.
struct Exchange {
  Request request;
  Framing framing;
  ChunkedDecoder chunks;
  size_t body_bytes_max = 0;
  size_t body_bytes_counted = 0;  // in Shared::bodies_bytes
  Reply reply;
  std::string head;
  std::string_view body;  // of `reply`
  size_t sent = 0;        // of head and body together
  bool keep_alive = true;
  bool refused = false;  // not all of the request was read

  size_t size() const { return head.size() + body.size(); }
};

// One connection. Everything happens on its loop's thread, but for the time from a push to the
// worker pool until the worker hands it back: then the exchange and the socket are the worker's, and
// the loop only waits for more to read. A worker that has sent the whole reply leaves it at a flag:
// the loop finds out when the next request comes, and need not wake for this one. Else it posts, and
// a reply that must be settled first is sent by the loop. At most one read and one write wait at a
// time.
class Connection final : public WorkerPool::Job, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, Loop& loop, tcp::socket socket, const IpAddress& peer)
      : shared_(shared), loop_(loop), socket_(std::move(socket)), peer_(peer) {}

  // Runs the connection from now on.
  void Start();
  // Answers or closes it when it has waited too long for the other side.
  void CheckDeadline(int64_t now_us);
  // Closes it unless a request is under way or waits to be read.
  void CloseIfIdle() {
    IoError ignored;
    if (!WithWorker() && state_ == State::kIdle && socket_.available(ignored) == 0) Close();
  }
  // Closes it unless a worker has it.
  void CloseUnlessHandling() {
    if (!WithWorker()) Close();
  }
  // On a worker: calls the handler and tries to send its reply at once.
  void Run() override;

 private:
  enum class State : uint8_t { kIdle, kHead, kBody, kHandling, kWriting, kLingering, kClosed };
  // Of kHandling, whichever comes first: the worker has answered, or there is more to read.
  enum class Progress : uint8_t { kNone, kAnswered, kReadable };

  // Whether a worker has it, or its reply is not settled. Takes it back from one that has answered.
  bool WithWorker();
  void Enter(State state, int64_t timeout_ms);
  void WaitReadable();
  void WaitWritable();
  void OnReadable();
  void ReadHead();
  void BeginRequest(size_t head_size);
  void ReadBody(std::string_view data);
  bool CountBody();
  void Dispatch();
  void Refuse(const HttpProblem& problem);
  void SendReply();
  void PrepareReply();
  IoError SendSome();
  void AfterSend(IoError error);
  void FinishExchange();
  void ReleaseExchange();
  void Close();

  Shared& shared_;
  Loop& loop_;
  tcp::socket socket_;
  const IpAddress peer_;
  State state_ = State::kIdle;
  std::atomic<Progress> progress_ = Progress::kNone;
  bool waiting_readable_ = false;
  HeadScanner scanner_;
  int64_t deadline_us_ = 0;
  size_t lingered_bytes_ = 0;
  std::string in_;  // read but not yet used
  std::unique_ptr<Exchange> exchange_;
  std::list<std::shared_ptr<Connection>>::iterator place_;
};

void Connection::Start() {
  place_ = loop_.connections.insert(loop_.connections.end(), shared_from_this());
  // Whoever connects has something to say: no idle time before the first request.
  Enter(State::kIdle, shared_.options.header_timeout_ms);
  if (shared_.stopping) CloseIfIdle();
  if (state_ != State::kClosed) WaitReadable();
}

void Connection::Enter(State state, int64_t timeout_ms) {
  state_ = state;
  deadline_us_ = shared_.clock.MonotonicUs() + timeout_ms * 1000;
}

bool Connection::WithWorker() {
  if (state_ != State::kHandling) return false;
  if (progress_ != Progress::kAnswered) return true;
  Enter(State::kIdle, shared_.options.idle_timeout_ms);
  return false;
}

void Connection::CheckDeadline(int64_t now_us) {
  if (WithWorker()) return;
  if (shared_.stopping) CloseIfIdle();
  if (state_ == State::kClosed || now_us < deadline_us_) return;
  switch (state_) {
    case State::kHead:
    case State::kBody:
      return Refuse(kTooSlow);
    case State::kWriting:
      shared_.slow_readers.Add();
      [[fallthrough]];
    default:
      return Close();
  }
}

void Connection::WaitReadable() {
  if (waiting_readable_) return;
  waiting_readable_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](IoError error) {
    self->waiting_readable_ = false;
    if (self->state_ == State::kClosed) return;
    if (error) return self->CloseUnlessHandling();
    self->OnReadable();
  });
}

void Connection::WaitWritable() {
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](IoError error) {
    if (self->state_ != State::kWriting) return;
    if (!error) error = self->SendSome();
    self->AfterSend(error);
  });
}

void Connection::OnReadable() {
  if (state_ == State::kHandling) {
    if (progress_.exchange(Progress::kReadable) != Progress::kAnswered) return;
    Enter(State::kIdle, shared_.options.idle_timeout_ms);
  }
  // A wait that a refusal overtook: what comes is read once the reply is out.
  if (state_ == State::kWriting) return;
  IoError error;
  size_t size = socket_.read_some(asio::buffer(loop_.scratch), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) {
    return WaitReadable();
  }
  if (error) return Close();
  std::string_view data(loop_.scratch.data(), size);
  if (state_ == State::kLingering) {
    lingered_bytes_ += size;
    return lingered_bytes_ > limits::kLingerBytesMax ? Close() : WaitReadable();
  }
  if (state_ == State::kBody) return ReadBody(data);
  in_.append(data);
  ReadHead();
}

void Connection::ReadHead() {
  // RFC 9112, section 2.2: empty lines before a request are ignored.
  size_t empty = 0;
  while (std::string_view(in_).substr(empty).starts_with("\r\n")) empty += 2;
  in_.erase(0, empty);
  if (in_.empty()) {
    std::string().swap(in_);
    if (shared_.stopping) return Close();
    return WaitReadable();
  }
  if (state_ == State::kIdle) {
    Enter(State::kHead, shared_.options.header_timeout_ms);
    scanner_.Reset();
  }
  if (in_ == "\r") return WaitReadable();
  HttpProblem problem;
  size_t head_size = scanner_.Scan(in_, problem);
  if (problem) return Refuse(problem);
  if (head_size == 0) return WaitReadable();
  BeginRequest(head_size);
}

void Connection::BeginRequest(size_t head_size) {
  exchange_ = std::make_unique<Exchange>();
  Exchange& exchange = *exchange_;
  HttpProblem problem =
      ParseHead(std::string_view(in_).substr(0, head_size), exchange.request, exchange.framing);
  in_.erase(0, head_size);
  if (problem) return Refuse(problem);
  exchange.keep_alive = exchange.framing.keep_alive;
  if (!exchange.framing.has_body()) return Dispatch();

  uint64_t length = exchange.framing.content_length;
  exchange.body_bytes_max =
      shared_.handler.BodyBytesMax(exchange.request.method, exchange.request.path);
  if (length > exchange.body_bytes_max) return Refuse({413, "The request body is too large"});
  Enter(State::kBody, shared_.options.body_timeout_ms +
                          static_cast<int64_t>(length) / limits::kTransferBytesPerMs);
  if (exchange.framing.expects_continue && in_.empty()) {
    // Few enough bytes to fit any socket buffer; a client that misses them sends after a while.
    IoError ignored;
    socket_.write_some(asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), ignored);
  }
  ReadBody(std::exchange(in_, {}));
}

void Connection::ReadBody(std::string_view data) {
  Exchange& exchange = *exchange_;
  std::string& body = exchange.request.body;
  size_t used = 0;
  bool done;
  if (exchange.framing.chunked) {
    HttpProblem problem = exchange.chunks.Feed(data, used, body, exchange.body_bytes_max);
    if (problem) return Refuse(problem);
    done = exchange.chunks.done();
  } else {
    used = std::min<uint64_t>(data.size(), exchange.framing.content_length - body.size());
    body.append(data, 0, used);
    done = body.size() == exchange.framing.content_length;
  }
  if (!CountBody()) return Refuse(kOverloaded);
  in_.append(data.substr(used));
  if (done) return Dispatch();
  WaitReadable();
}

// False when the bodies of all requests together take too much memory.
bool Connection::CountBody() {
  size_t growth = exchange_->request.body.size() - exchange_->body_bytes_counted;
  exchange_->body_bytes_counted += growth;
  return shared_.bodies_bytes.fetch_add(growth) + growth <= shared_.options.bodies_bytes_max;
}

void Connection::Dispatch() {
  Request& request = exchange_->request;
  bool by_proxy = shared_.proxies.Contains(peer_);
  request.client_address = peer_.ToString();
  if (by_proxy) {
    std::string forwarded;  // several lines are one list (RFC 9110, section 5.3)
    for (const auto& [name, value] : request.headers) {
      if (name == "x-forwarded-for") forwarded.append(forwarded.empty() ? "" : ",").append(value);
    }
    request.client_address = shared_.proxies.Client(peer_, forwarded).ToString();
    if (std::string_view id = request.Header("x-request-id"); IsRequestId(id)) {
      request.request_id = id;
    }
  }
  if (request.request_id.empty()) request.request_id = shared_.random.Token(16);
  request.deadline_us =
      shared_.clock.MonotonicUs() + int64_t{shared_.options.request_deadline_ms} * 1000;

  state_ = State::kHandling;
  progress_ = Progress::kNone;
  WaitReadable();
  shared_.waiting.Add();
  if (shared_.workers->TryPush(shared_from_this())) return;
  shared_.waiting.Add(-1);
  shared_.CountRefusal(kOverloaded.status);
  exchange_->reply = ReplyTo(kOverloaded);
  exchange_->reply.Header("X-Request-Id", request.request_id);
  SendReply();
}

void Connection::Run() {
  shared_.waiting.Add(-1);
  shared_.running.Add();
  exchange_->reply = shared_.handler.Handle(exchange_->request);
  shared_.running.Add(-1);
  if (IsSafe(exchange_->request.method)) return SendReply();
  // A worker does not wait for a disk: the reply does.
  shared_.CountUnsettled();
  shared_.handler.WhenSettled([self = shared_from_this()](const std::exception_ptr& failure) {
    if (failure) self->exchange_->reply = ReplyTo(kUnsettled);
    asio::post(self->loop_.io, [self] {
      self->PrepareReply();
      self->AfterSend(self->SendSome());
    });
    self->shared_.CountSettled();
  });
}

// Goes on in the loop, but not at once: pipelined requests would be answered deeper and deeper in the
// stack.
void Connection::SendReply() {
  PrepareReply();
  IoError error = SendSome();
  if (!error && exchange_->sent == exchange_->size() && exchange_->keep_alive && in_.empty()) {
    ReleaseExchange();
    if (progress_.exchange(Progress::kAnswered) == Progress::kReadable) {
      asio::post(loop_.io, [self = shared_from_this()] {
        if (self->state_ != State::kClosed) self->OnReadable();
      });
    }
    return;
  }
  asio::post(loop_.io, [self = shared_from_this(), error] { self->AfterSend(error); });
}

void Connection::Refuse(const HttpProblem& problem) {
  shared_.CountRefusal(problem.status);
  if (!exchange_) exchange_ = std::make_unique<Exchange>();
  std::string().swap(exchange_->request.body);
  std::string().swap(in_);
  exchange_->refused = true;
  exchange_->keep_alive = false;
  exchange_->reply = ReplyTo(problem);
  exchange_->reply.Header("X-Request-Id", shared_.random.Token(16));
  PrepareReply();
  AfterSend(SendSome());
}

void Connection::PrepareReply() {
  Exchange& exchange = *exchange_;
  if (shared_.stopping) exchange.keep_alive = false;
  exchange.head = SerializeHead(exchange.reply, {.now_ms = shared_.clock.NowMs(),
                                                 .keep_alive = exchange.keep_alive,
                                                 .http_1_0 = exchange.framing.http_1_0});
  exchange.body = BodyToSend(exchange.reply, exchange.request.method);
}

// Sends until all is out or the socket takes no more.
IoError Connection::SendSome() {
  Exchange& exchange = *exchange_;
  IoError error;
  while (!error && exchange.sent < exchange.size()) {
    size_t of_head = std::min(exchange.sent, exchange.head.size());
    std::string_view head = std::string_view(exchange.head).substr(of_head);
    std::string_view body = exchange.body.substr(exchange.sent - of_head);
    std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    exchange.sent += socket_.write_some(buffers, error);
    if (error == asio::error::interrupted) error = {};
  }
  return error;
}

void Connection::AfterSend(IoError error) {
  if (error && error != asio::error::would_block) {
    state_ = State::kWriting;
    return Close();
  }
  if (exchange_->sent == exchange_->size()) return FinishExchange();
  if (state_ != State::kWriting) {
    int64_t for_size = static_cast<int64_t>(exchange_->size()) / limits::kTransferBytesPerMs;
    Enter(State::kWriting, shared_.options.write_timeout_ms + for_size);
  }
  WaitWritable();
}

void Connection::FinishExchange() {
  bool keep_alive = exchange_->keep_alive && !shared_.stopping;
  bool refused = exchange_->refused;
  ReleaseExchange();
  if (refused) {
    // Closing with unread input resets the connection and may take the reply from the client:
    // RFC 9112, section 9.6.
    IoError ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    Enter(State::kLingering, limits::kLingerMs);
    return WaitReadable();
  }
  if (!keep_alive) {
    state_ = State::kWriting;
    return Close();
  }
  Enter(State::kIdle, shared_.options.idle_timeout_ms);
  ReadHead();
}

void Connection::ReleaseExchange() {
  if (!exchange_) return;
  shared_.bodies_bytes.fetch_sub(exchange_->body_bytes_counted);
  exchange_.reset();
}

void Connection::Close() {
  STAMPEDE_CHECK(state_ != State::kHandling);
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  IoError ignored;
  socket_.close(ignored);
  ReleaseExchange();
  std::shared_ptr<Connection> self = std::move(*place_);  // keeps it alive to the end of this
  loop_.connections.erase(place_);
  shared_.CountClosed();
}

}  // namespace

struct HttpServer::Impl {
  // In this order, so that what refers to the shared state goes before it.
  Shared shared;
  std::vector<std::unique_ptr<Loop>> loops;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> accept_again;
  uint16_t port = 0;
  size_t next_loop = 0;
  bool stopped = false;

  void Listen();
  void Accept();
  void Admit(tcp::socket socket, Loop& loop);
  void Tick(Loop& loop);
  template <class Function>
  void ForEachConnection(Function function);
};

HttpServer::HttpServer(ServerOptions options, HttpHandler& handler, Clock& clock, Random& random,
                       obs::Metrics& metrics)
    : impl_(new Impl{.shared = {.options = options,
                                .handler = handler,
                                .clock = clock,
                                .random = random,
                                .metrics = metrics,
                                .proxies = TrustedProxies(options.trusted_proxies)}}) {
  STAMPEDE_CHECK(options.io_threads > 0 && options.workers > 0);
}

HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const { return impl_->port; }

void HttpServer::Start() {
  Impl& impl = *impl_;
  STAMPEDE_CHECK(impl.loops.empty());
  const ServerOptions& options = impl.shared.options;
  for (int i = 0; i < options.io_threads; ++i) impl.loops.push_back(std::make_unique<Loop>());
  impl.Listen();
  impl.shared.workers = std::make_unique<WorkerPool>(
      options.workers, std::min(options.workers, options.workers_preferred), options.queue_max);
  impl.Accept();
  for (auto& loop : impl.loops) {
    impl.Tick(*loop);
    loop->thread = std::thread([&io = loop->io] {
      NameThread("sockets");
      io.run();
    });
  }
}

void HttpServer::Impl::Listen() {
  asio::io_context& io = loops.front()->io;
  try {
    tcp::resolver resolver(io);
    tcp::endpoint endpoint =
        *resolver.resolve(shared.options.host, std::to_string(shared.options.port)).begin();
    acceptor.emplace(io);
    acceptor->open(endpoint.protocol());
    acceptor->set_option(tcp::acceptor::reuse_address(true));
    if (endpoint.protocol() == tcp::v6()) acceptor->set_option(asio::ip::v6_only(false));
    acceptor->bind(endpoint);
    acceptor->listen(asio::socket_base::max_listen_connections);
    port = acceptor->local_endpoint().port();
    accept_again.emplace(io);
  } catch (const boost::system::system_error& error) {
    acceptor.reset();
    loops.clear();
    throw std::system_error(error.code(), "cannot listen on " + shared.options.host + " port " +
                                              std::to_string(shared.options.port));
  }
}

void HttpServer::Impl::Accept() {
  Loop& loop = *loops[next_loop++ % loops.size()];
  acceptor->async_accept(loop.io, [this, &loop](IoError error, tcp::socket socket) {
    if (shared.stopping) return;
    if (!error) {
      Admit(std::move(socket), loop);
      return Accept();
    }
    // Out of descriptors or memory: those who wait to be accepted wait a little longer.
    obs::Log(obs::LogLevel::kWarn, "accept failed", {{"reason", error.message()}});
    accept_again->expires_after(std::chrono::milliseconds(50));
    accept_again->async_wait([this](IoError cancelled) {
      if (!cancelled && !shared.stopping) Accept();
    });
  });
}

void HttpServer::Impl::Admit(tcp::socket socket, Loop& loop) {
  IoError error;
  tcp::endpoint peer = socket.remote_endpoint(error);
  if (!error) socket.non_blocking(true, error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  if (error) return;  // gone already
  if (!shared.CountOpened()) {
    shared.CountRefusal(kOverloaded.status);
    Reply reply = ReplyTo(kOverloaded);
    std::string text =
        SerializeHead(reply, {.now_ms = shared.clock.NowMs(), .keep_alive = false}) + reply.body;
    socket.write_some(asio::buffer(text), error);
    return;
  }
  auto connection = std::make_shared<Connection>(shared, loop, std::move(socket), AddressOf(peer));
  asio::dispatch(loop.io, [connection] { connection->Start(); });
}

// Looks at all deadlines of a loop: cheaper than a timer per connection that nearly never fires.
void HttpServer::Impl::Tick(Loop& loop) {
  const ServerOptions& options = shared.options;
  int shortest = std::min({options.header_timeout_ms, options.body_timeout_ms,
                           options.idle_timeout_ms, options.write_timeout_ms});
  loop.ticker.expires_after(std::chrono::milliseconds(std::clamp(shortest / 8, 5, 250)));
  loop.ticker.async_wait([this, &loop](IoError cancelled) {
    if (cancelled) return;
    shared.workers->Nudge();
    int64_t now_us = shared.clock.MonotonicUs();
    for (auto at = loop.connections.begin(); at != loop.connections.end();) {
      Connection& connection = **at++;  // it may leave the list
      connection.CheckDeadline(now_us);
    }
    Tick(loop);
  });
}

template <class Function>
void HttpServer::Impl::ForEachConnection(Function function) {
  for (auto& loop : loops) {
    asio::post(loop->io, [&loop = *loop, function] {
      for (auto at = loop.connections.begin(); at != loop.connections.end();) {
        Connection& connection = **at++;
        function(connection);
      }
    });
  }
}

void HttpServer::Stop() {
  Impl& impl = *impl_;
  if (impl.loops.empty() || impl.stopped) return;
  impl.stopped = true;
  Shared& shared = impl.shared;
  shared.stopping = true;
  asio::post(impl.loops.front()->io, [&impl] {
    impl.accept_again->cancel();
    IoError ignored;
    impl.acceptor->close(ignored);
  });
  impl.ForEachConnection([](Connection& connection) { connection.CloseIfIdle(); });
  {
    MutexLock lock(shared.mutex);
    while (shared.open > 0) {
      if (!shared.all_closed.WaitFor(shared.mutex, int64_t{limits::kShutdownGraceMs} * 1000)) break;
    }
  }
  impl.ForEachConnection([](Connection& connection) { connection.CloseUnlessHandling(); });
  shared.workers->Stop();
  shared.AwaitSettled();
  for (auto& loop : impl.loops) {
    asio::post(loop->io, [&loop = *loop] { loop.io.stop(); });
    loop->thread.join();
  }
  impl.acceptor.reset();
  impl.accept_again.reset();
  for (auto& loop : impl.loops) loop->connections.clear();
}

}  // namespace stampede::net
