#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

// A TCP proxy on loopback that cuts its connections when told, after so many bytes. Header-only,
// for test programs alone.
namespace stampede::store::testing {

class CuttingProxy {
 public:
  enum class Way { kToServer, kToClient };

  explicit CuttingProxy(uint16_t server_port) : server_port_(server_port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        pipe(wake_) != 0) {
      throw std::runtime_error("proxy: no socket");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Work(); });
  }
  ~CuttingProxy() {
    stop_ = true;
    close(wake_[1]);
    thread_.join();
    for (const Pair& pair : pairs_) Close(pair);
    close(listener_);
    close(wake_[0]);
  }
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  uint16_t port() const { return port_; }

  // Forwards so many more bytes that way, then ends every connection, once. The bytes of all
  // connections count.
  void CutAfter(Way way, size_t bytes) {
    MutexLock lock(mutex_);
    armed_ = true;
    way_ = way;
    left_ = bytes;
  }
  bool armed() {
    MutexLock lock(mutex_);
    return armed_;
  }
  void Disarm() {
    MutexLock lock(mutex_);
    armed_ = false;
  }
  // Bytes forwarded since the start.
  size_t forwarded(Way way) const { return forwarded_[static_cast<size_t>(way)]; }

 private:
  struct Pair {
    int client, server;
  };

  static sockaddr_in Loopback(uint16_t port) {
    return {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  }
  static void Close(const Pair& pair) {
    close(pair.client);
    close(pair.server);
  }

  void Work() {
    while (!stop_) {
      std::vector<pollfd> fds = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        fds.push_back({pair.client, POLLIN, 0});
        fds.push_back({pair.server, POLLIN, 0});
      }
      poll(fds.data(), fds.size(), -1);
      std::vector<Pair> kept;
      bool cut = false;
      for (size_t i = 0; i < pairs_.size(); ++i) {
        bool open = true;
        if (!cut && fds[2 + 2 * i].revents != 0) {
          open = Forward(pairs_[i].client, pairs_[i].server, Way::kToServer, &cut);
        }
        if (!cut && open && fds[3 + 2 * i].revents != 0) {
          open = Forward(pairs_[i].server, pairs_[i].client, Way::kToClient, &cut);
        }
        if (open) {
          kept.push_back(pairs_[i]);
        } else {
          Close(pairs_[i]);
        }
      }
      if (cut) {
        for (const Pair& pair : kept) Close(pair);
        kept.clear();
      }
      pairs_ = std::move(kept);
      if (fds[0].revents != 0) Accept();
    }
  }

  void Accept() {
    int client = accept(listener_, nullptr, nullptr);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(server_port_);
    if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return Close({client, server});
    }
    int yes = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    pairs_.push_back({client, server});
  }

  bool Forward(int from, int to, Way way, bool* cut) {
    char buffer[16 * 1024];
    ssize_t got = recv(from, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    auto bytes = static_cast<size_t>(got);
    {
      MutexLock lock(mutex_);
      if (armed_ && way == way_) {
        if (left_ <= bytes) {
          bytes = left_;
          armed_ = false;
          *cut = true;
        } else {
          left_ -= bytes;
        }
      }
    }
    forwarded_[static_cast<size_t>(way)] += bytes;
    for (size_t sent = 0; sent < bytes;) {
      ssize_t n = send(to, buffer + sent, bytes - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }

  const uint16_t server_port_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> forwarded_[2] = {0, 0};
  std::vector<Pair> pairs_;
  Mutex mutex_;
  bool armed_ STAMPEDE_GUARDED_BY(mutex_) = false;
  Way way_ STAMPEDE_GUARDED_BY(mutex_) = Way::kToServer;
  size_t left_ STAMPEDE_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace stampede::store::testing
