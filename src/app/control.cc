#include "app/control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <list>
#include <system_error>

#include "base/error.h"
#include "base/thread_name.h"
#include "obs/log.h"

namespace stampede::app {

namespace {

constexpr size_t kConnectionsMax = 8;
constexpr size_t kRequestBytesMax = 64;
constexpr size_t kAnswerBytesMax = 8 * 1024;
constexpr int kAnswerTimeoutS = 600;  // a checkpoint first writes what is in memory

[[noreturn]] void Throw(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The address of a socket file. A path that is too long for an address is reached through a
// descriptor of its directory.
class Address {
 public:
  explicit Address(const std::string& path) {
    address_.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof(address_.sun_path)) {
      std::filesystem::path full(path);
      directory_ = open(full.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
      name = "/proc/self/fd/" + std::to_string(directory_) + "/" + full.filename().string();
    }
    std::memcpy(address_.sun_path, name.data(),
                std::min(name.size(), sizeof(address_.sun_path) - 1));
  }
  ~Address() {
    if (directory_ >= 0) close(directory_);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t kSize = sizeof(sockaddr_un);

 private:
  sockaddr_un address_ = {};
  int directory_ = -1;
};

// False when the other side is gone.
bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  text.resize(std::min(text.size(), kAnswerBytesMax - 16));
  return text;
}

}  // namespace

// One caller. Closed when it breaks the protocol.
class ControlServer::Connection {
 public:
  explicit Connection(int socket) : socket_(socket) {}
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int socket() const { return socket_; }

  // False when the connection is over.
  bool Read(ControlServer& server) {
    char buffer[kRequestBytesMax];
    ssize_t count = recv(socket_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    if (count == 0) return false;
    request_.append(buffer, static_cast<size_t>(count));
    size_t end = request_.find('\n');
    if (end == std::string::npos) return request_.size() < kRequestBytesMax;
    ControlReply reply = server.Answer(std::string_view(request_).substr(0, end));
    request_.erase(0, end + 1);
    held_.push_back(std::move(reply.held));
    return held_.size() < kConnectionsMax && SendAll(socket_, reply.text + "\n");
  }

 private:
  int socket_;
  std::string request_;
  std::vector<std::shared_ptr<void>> held_;
};

ControlServer::ControlServer(std::string path) : path_(std::move(path)) {
  std::filesystem::remove(path_);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (listener_ < 0 || stop_ < 0) Throw("control socket");
  // Linux gives the file the mode that the socket has when it is bound (unix(7)).
  Address address(path_);
  if (fchmod(listener_, S_IRUSR | S_IWUSR) != 0 ||
      bind(listener_, address.get(), Address::kSize) != 0 ||
      listen(listener_, kConnectionsMax) != 0) {
    Throw("control socket " + path_);
  }
}

ControlServer::~ControlServer() {
  Stop();
  close(listener_);
  close(stop_);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlServer::Add(std::string word, Handler handler) {
  handlers_.emplace(std::move(word), std::move(handler));
}

void ControlServer::Start() {
  thread_ = std::thread([this] {
    NameThread("control");
    Loop();
  });
}

void ControlServer::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_, 1);
  thread_.join();
}

void ControlServer::Loop() {
  std::list<Connection> connections;
  while (true) {
    std::vector<pollfd> watched = {{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    if (connections.size() >= kConnectionsMax) watched[1].events = 0;
    for (const Connection& connection : connections) {
      watched.push_back({connection.socket(), POLLIN, 0});
    }
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[0].revents != 0) return;
    size_t i = 2;
    for (auto it = connections.begin(); it != connections.end(); ++i) {
      bool over = watched[i].revents != 0 && !it->Read(*this);
      it = over ? connections.erase(it) : std::next(it);
    }
    if (watched[1].revents == 0) continue;
    int caller = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (caller >= 0) connections.emplace_back(caller);
  }
}

ControlReply ControlServer::Answer(std::string_view word) {
  try {
    auto found = handlers_.find(word);
    if (found == handlers_.end()) return {"error unknown request", nullptr};
    ControlReply reply = found->second();
    reply.text = OneLine("ok " + reply.text);
    return reply;
  } catch (const std::exception& error) {
    obs::Log(obs::LogLevel::kError, "control request failed",
             {{"request", word}, {"error", error.what()}});
    return {OneLine(std::string("error ") + error.what()), nullptr};
  }
}

std::unique_ptr<ControlCall> ControlCall::Ask(const std::string& path, std::string_view word) {
  std::unique_ptr<ControlCall> call(
      new ControlCall(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (call->socket_ < 0) Throw("control socket");
  Address address(path);
  if (connect(call->socket_, address.get(), Address::kSize) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return nullptr;
    Throw("control socket " + path);
  }
  timeval timeout{.tv_sec = kAnswerTimeoutS};
  setsockopt(call->socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  std::string answer;
  if (!SendAll(call->socket_, std::string(word) + "\n")) return nullptr;
  bool alive = true;
  while (alive && !answer.ends_with('\n') && answer.size() < kAnswerBytesMax) {
    char buffer[1024];
    ssize_t count = recv(call->socket_, buffer, sizeof(buffer), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || (count < 0 && errno == ECONNRESET)) return nullptr;  // it has just ended
    alive = count > 0;
    if (alive) answer.append(buffer, static_cast<size_t>(count));
  }
  if (!answer.ends_with('\n')) {
    throw Error(ErrorCode::kUnavailable, "The server does not answer; try again");
  }
  answer.pop_back();
  if (!answer.starts_with("ok ")) {
    throw Error(ErrorCode::kUnavailable, "The server refused: " + answer);
  }
  call->text_ = answer.substr(3);
  return call;
}

void ControlCall::WaitForEnd(int timeout_ms) {
  pollfd watched{socket_, POLLIN, 0};
  poll(&watched, 1, timeout_ms);
}

ControlCall::~ControlCall() {
  if (socket_ >= 0) close(socket_);
}

}  // namespace stampede::app
