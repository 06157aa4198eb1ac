#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace stampede::app {

// What a running server answers to a command of the same machine: a line of text, and something that
// it keeps for as long as the connection is open.
struct ControlReply {
  std::string text;
  std::shared_ptr<void> held;
};

// Listens on a Unix domain socket that only the owner may use, in the data directory, for commands
// that need what only the process with the open store can do. A request is one word and a newline;
// the answer is a line "ok TEXT" or "error TEXT". A few connections at a time, others wait; one
// request at a time. Start and Stop from one thread; handlers run on a thread of its own.
class ControlServer {
 public:
  using Handler = std::function<ControlReply()>;

  // Removes what stands at `path`: whoever has the store open may, as no other server can be alive.
  // Throws std::system_error.
  explicit ControlServer(std::string path);
  ~ControlServer();

  // Before Start. What the handler throws is the answer.
  void Add(std::string word, Handler handler);
  void Start();
  // Waits for the request that is being handled. Idempotent.
  void Stop();

 private:
  class Connection;
  void Loop();
  ControlReply Answer(std::string_view word);

  const std::string path_;
  std::map<std::string, Handler, std::less<>> handlers_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  std::thread thread_;
};

// A question to the server that has the data directory open. What the server keeps for the answer is
// kept while this lives.
class ControlCall {
 public:
  // nullptr when no server listens there, or when it ends meanwhile. Throws Error with the server's
  // answer when it refuses, and kUnavailable when it does not answer in time.
  static std::unique_ptr<ControlCall> Ask(const std::string& path, std::string_view word);
  ~ControlCall();
  // Until the server stops, or the time is over.
  void WaitForEnd(int timeout_ms);
  const std::string& text() const { return text_; }

 private:
  explicit ControlCall(int socket) : socket_(socket) {}
  int socket_;
  std::string text_;
};

// Where the server of a data directory listens.
inline std::string ControlPath(const std::string& data) { return data + "/control.sock"; }

}  // namespace stampede::app
