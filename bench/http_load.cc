#include "bench/http_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "base/clock.h"

namespace stampede::bench {
namespace {

constexpr int64_t kDrainUs = 30'000'000;
constexpr size_t kReadBytes = 64 * 1024;

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

double ThreadCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct Head {
  size_t bytes = 0;
  int status = 0;
  size_t body_bytes = 0;
  bool closes = false;
};

// Nothing while the head is incomplete. Throws for what is no reply with a length.
std::optional<Head> ReadHead(std::string_view buffer) {
  size_t end = buffer.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Head head{.bytes = end + 4};
  std::from_chars(buffer.data() + 9, buffer.data() + 12, head.status);  // "HTTP/1.1 200 OK"
  bool has_length = false;
  size_t at = buffer.find("\r\n") + 2;
  while (at < end) {
    size_t line_end = buffer.find("\r\n", at);
    std::string_view line = buffer.substr(at, line_end - at);
    at = line_end + 2;
    size_t colon = line.find(": ");
    if (colon == 14 && strncasecmp(line.data(), "Content-Length", colon) == 0) {
      const char* digits = line.data() + colon + 2;
      has_length =
          std::from_chars(digits, line.data() + line.size(), head.body_bytes).ec == std::errc();
    } else if (colon == 10 && strncasecmp(line.data(), "Connection", colon) == 0) {
      head.closes = line.substr(colon + 2) == "close";
    }
  }
  if (head.status < 100 || !has_length) throw std::runtime_error("not a reply with a length");
  return head;
}

class Connection {
 public:
  explicit Connection(uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) ThrowErrno("socket");
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    buffer_.resize(2 * kReadBytes);  // now, and not while somebody's latency is measured
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      int error = errno;
      ::close(fd_);
      throw std::system_error(error, std::generic_category(), "connect");
    }
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  bool Send(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Takes what has arrived. False when the connection is at its end.
  bool Receive() {
    while (true) {
      if (buffer_.size() < filled_ + kReadBytes) buffer_.resize(filled_ + 2 * kReadBytes);
      size_t room = buffer_.size() - filled_;
      ssize_t got = ::recv(fd_, buffer_.data() + filled_, room, MSG_DONTWAIT);
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (got == 0) return false;
      filled_ += static_cast<size_t>(got);
      if (static_cast<size_t>(got) < room) return true;
    }
  }
  // The reply, once it is complete. Valid until Reset().
  bool Complete() {
    std::string_view all(buffer_.data(), filled_);
    if (!head_) head_ = ReadHead(all);
    return head_ && filled_ >= head_->bytes + head_->body_bytes;
  }
  const Head& head() const { return *head_; }
  std::string_view body() const { return {buffer_.data() + head_->bytes, head_->body_bytes}; }
  void Reset() {
    filled_ = 0;
    head_.reset();
  }

  // Of the request under way.
  bool busy = false;
  bool urgent = false;
  uint64_t tag = 0;
  int64_t due_us = 0;

 private:
  int fd_ = -1;
  std::string buffer_;
  size_t filled_ = 0;
  std::optional<Head> head_;
};

class Run {
 public:
  Run(LoadSource& source, const LoadOptions& options)
      : source_(source), options_(options), random_(options.seed) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) ThrowErrno("epoll_create1");
    for (size_t i = 0; i < options.connections; ++i) {
      connections_.emplace_back();
      Open(i);
    }
  }
  ~Run() { ::close(epoll_); }

  LoadResult Go() {
    if (options_.watch_pace) pace_.emplace();
    double cpu_before = ThreadCpuSeconds();
    start_us_ = last_us_ = next_due_us_ = clock_.MonotonicUs();
    end_us_ = options_.duration_us > 0 ? start_us_ + options_.duration_us : INT64_MAX;
    int64_t give_up_us = options_.duration_us > 0 ? end_us_ + kDrainUs : INT64_MAX;
    while (true) {
      int64_t now_us = clock_.MonotonicUs();
      bool over = now_us >= end_us_ || exhausted_;
      NoteSeconds(now_us);
      SendUrgent(now_us);
      if (!over) SendDue(now_us);
      over |= exhausted_;
      int64_t urgent_us = source_.UrgentAtUs();
      bool done = busy_ == 0 && (options_.rate_per_s == 0 || waiting_.empty());
      if (over && done && urgent_us == INT64_MAX) break;
      if (over && options_.rate_per_s > 0) SendWaiting();
      if (now_us > give_up_us) break;
      int64_t wait_us = over ? 100'000 : WaitUs(now_us);
      // Without a free connection it is a reply that ends the wait.
      if (!free_.empty()) wait_us = std::clamp<int64_t>(urgent_us - now_us, 0, wait_us);
      Wait(wait_us);
    }
    result_.broken += busy_ + waiting_.size();
    result_.seconds = static_cast<double>(last_us_ - start_us_) / 1e6;
    result_.own_cpu_s = ThreadCpuSeconds() - cpu_before;
    if (pace_) SortOutSlowTimes();
    return std::move(result_);
  }

 private:
  void Open(size_t index) {
    connections_[index] = std::make_unique<Connection>(options_.port);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[index]->fd(), &event) != 0) {
      ThrowErrno("epoll_ctl");
    }
    free_.push_back(index);
  }

  void SendDue(int64_t now_us) {
    if (options_.rate_per_s == 0) {
      while (!free_.empty() && !exhausted_) Send(now_us);
      return;
    }
    for (; next_due_us_ <= now_us; next_due_us_ += GapUs()) waiting_.push_back(next_due_us_);
    SendWaiting();
  }

  void SendUrgent(int64_t now_us) {
    while (!free_.empty() && source_.UrgentAtUs() <= now_us) {
      request_.clear();
      uint64_t tag = 0;
      if (!source_.NextUrgent(request_, tag)) return;
      SendOn(TakeFree(), tag, now_us, true);
    }
  }

  void SendWaiting() {
    while (!free_.empty() && !waiting_.empty() && !exhausted_) {
      int64_t due_us = waiting_.front();
      waiting_.pop_front();
      Send(due_us);
    }
    if (exhausted_) waiting_.clear();
  }

  int64_t GapUs() {
    double uniform = std::uniform_real_distribution<double>(0, 1)(random_);
    // The fraction is carried over, or high rates would come out too low.
    gap_rest_us_ += -std::log1p(-uniform) * 1e6 / options_.rate_per_s;
    double whole = std::floor(gap_rest_us_);
    gap_rest_us_ -= whole;
    return static_cast<int64_t>(whole);
  }

  void Send(int64_t due_us) {
    request_.clear();
    uint64_t tag = 0;
    if (!source_.Next(request_, tag)) {
      exhausted_ = true;
      return;
    }
    SendOn(TakeFree(), tag, due_us, false);
  }

  size_t TakeFree() {
    size_t index = free_.back();
    free_.pop_back();
    return index;
  }

  void SendOn(size_t index, uint64_t tag, int64_t due_us, bool urgent) {
    Connection& connection = *connections_[index];
    connection.tag = tag;
    connection.due_us = due_us;
    connection.busy = true;
    connection.urgent = urgent;
    ++busy_;
    if (!connection.Send(request_)) Break(index);
  }

  int64_t WaitUs(int64_t now_us) const {
    if (options_.rate_per_s == 0) return 100'000;
    return std::max<int64_t>(0, std::min(next_due_us_, end_us_) - now_us);
  }

  void Wait(int64_t wait_us) {
    epoll_event events[256];
    timespec timeout{.tv_sec = wait_us / 1'000'000, .tv_nsec = wait_us % 1'000'000 * 1'000};
    int count = epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
    if (count < 0 && errno != EINTR) ThrowErrno("epoll_pwait2");
    for (int i = 0; i < count; ++i) OnReadable(events[i].data.u64);
  }

  void OnReadable(size_t index) {
    Connection& connection = *connections_[index];
    if (!connection.Receive() || !connection.busy) return Break(index);
    if (!connection.Complete()) return;
    last_us_ = clock_.MonotonicUs();
    int status = connection.head().status;
    ++result_.statuses[status];
    int64_t latency_us = last_us_ - connection.due_us;
    if (!connection.urgent) source_.OnLatency(connection.tag, latency_us);
    if (!source_.OnReply(connection.tag, status, connection.body())) {
      ++result_.wrong;
    } else {
      ++result_.right;
      if (connection.urgent)
        ++result_.urgent;
      else
        Record(connection.due_us, latency_us);
    }
    connection.busy = false;
    --busy_;
    bool closes = connection.head().closes;
    connection.Reset();
    if (closes) return Open(index);
    free_.push_back(index);
  }

  void Record(int64_t due_us, int64_t latency_us) {
    result_.latency_us.Record(static_cast<uint64_t>(latency_us));
    if (pace_) timed_.emplace_back(due_us, latency_us);
    if (options_.rate_per_s == 0) return;
    SecondOf(due_us).latency_us.Record(static_cast<uint64_t>(latency_us));
  }

  LoadResult::Second& SecondOf(int64_t at_us) {
    const auto second = static_cast<size_t>((at_us - start_us_) / 1'000'000);
    if (result_.each_second.size() <= second) result_.each_second.resize(second + 1);
    return result_.each_second[second];
  }

  void NoteSeconds(int64_t now_us) {
    if (options_.rate_per_s == 0 || !options_.server_cpu_s || now_us < next_second_us_) return;
    const double cpu_s = options_.server_cpu_s();
    if (next_second_us_ > 0) SecondOf(now_us - 1'000'000).server_cpu_s = cpu_s - server_cpu_s_;
    server_cpu_s_ = cpu_s;
    next_second_us_ = now_us + 1'000'000 - (now_us - start_us_) % 1'000'000;
  }

  void SortOutSlowTimes() {
    result_.slow = pace_->Stop();
    for (auto [due_us, latency_us] : timed_) {
      if (!result_.slow.Delays(due_us)) result_.calm_us.Record(static_cast<uint64_t>(latency_us));
    }
  }

  void Break(size_t index) {
    if (connections_[index]->busy) {
      ++result_.broken;
      --busy_;
    } else {
      std::erase(free_, index);
    }
    Open(index);
  }

  LoadSource& source_;
  const LoadOptions& options_;
  SystemClock clock_;
  std::mt19937_64 random_;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<size_t> free_;     // connections without a request under way
  std::deque<int64_t> waiting_;  // due times of requests that have no connection yet
  std::string request_;
  size_t busy_ = 0;
  bool exhausted_ = false;
  int64_t start_us_ = 0, end_us_ = 0, last_us_ = 0, next_due_us_ = 0;
  double gap_rest_us_ = 0;
  int64_t next_second_us_ = 0;  // when server_cpu_s_, as it was at the last, is to be noted
  double server_cpu_s_ = 0;
  std::optional<Pace> pace_;
  std::vector<std::pair<int64_t, int64_t>> timed_;  // when due, latency; only with a pace
  LoadResult result_;
};

class OneGet final : public LoadSource {
 public:
  explicit OneGet(std::string request) : request_(std::move(request)) {}
  bool Next(std::string& request, uint64_t&) override {
    request += request_;
    return !std::exchange(request_, {}).empty();
  }
  bool OnReply(uint64_t, int status, std::string_view body) override {
    reply = {status, std::string(body)};
    return true;
  }
  FetchedReply reply;

 private:
  std::string request_;
};

}  // namespace

LoadResult RunLoad(LoadSource& source, const LoadOptions& options) {
  return Run(source, options).Go();
}

FetchedReply Fetch(uint16_t port, const std::string& target, const std::string& token) {
  OneGet get(FormatRequest("GET", target, token));
  if (!RunLoad(get, {.port = port, .connections = 1}).clean()) {
    throw std::runtime_error("no reply to GET " + target);
  }
  return std::move(get.reply);
}

std::string FormatRequest(std::string_view method, std::string_view target, std::string_view token,
                          std::string_view body) {
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!token.empty()) request.append("Authorization: Bearer ").append(token).append("\r\n");
  if (!body.empty()) {
    request.append("Content-Type: application/json\r\nContent-Length: ");
    request.append(std::to_string(body.size())).append("\r\n");
  }
  return request.append("\r\n").append(body);
}

}  // namespace stampede::bench
