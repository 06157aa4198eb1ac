#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "events/test_support.h"
#include "store/test_support.h"

// NATS servers of the tests' own. For test programs only.
namespace stampede::events::testing {

// One nats-server with JetStream in a directory of its own, on loopback ports that it keeps over
// restarts. It dies with the test.
class NatsServer {
 public:
  // `settings`: further ones, as in its configuration file.
  explicit NatsServer(const std::string& settings = {}) {
    std::ofstream(settings_file()) << settings;
    Start();
  }
  ~NatsServer() {
    if (pid_ > 0) Kill();
  }

  const std::string& url() const { return url_; }
  std::string name() const { return std::filesystem::path(directory_.path()).filename(); }
  // Where the streams are, while the server is stopped.
  std::filesystem::path data() const { return std::filesystem::path(directory_.path()) / "data"; }

  void Start() {
    std::vector<std::string> words = {"nats-server",     "--addr",     "127.0.0.1",
                                      "--port",          PortOf(url_), "--ports_file_dir",
                                      directory_.path(), "--config",   settings_file()};
    if (has_ports_ || !cluster_) {
      words.insert(words.end(), {"--jetstream", "--store_dir", data()});
    }
    if (cluster_) {
      words.insert(words.end(), {"--cluster_name", "test", "--cluster",
                                 "nats://127.0.0.1:" + PortOf(route_), "--name", name()});
      if (!routes_.empty()) words.insert(words.end(), {"--routes", routes_});
    }
    words.insert(words.end(), {"--log", directory_.path() + "/log"});
    Spawn(words);
    ReadPorts();
  }
  // As a crash.
  void Kill() { End(SIGKILL); }
  void Stop() { End(SIGTERM); }

 private:
  friend class NatsCluster;
  // Takes ports for one of a cluster, and waits to be started with the routes to all.
  struct OfCluster {};
  explicit NatsServer(OfCluster) : cluster_(true) {
    std::ofstream(settings_file()) << "";
    Start();
    Kill();
    has_ports_ = true;
  }

  std::string settings_file() const { return directory_.path() + "/nats.conf"; }

  static std::string PortOf(const std::string& url) {
    return url.empty() ? "-1" : url.substr(url.rfind(':') + 1);
  }

  void Spawn(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[0], arguments.data());
    execv("/usr/sbin/nats-server", arguments.data());
    _exit(127);
  }

  void End(int signal) {
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      if (entry.path().extension() == ".ports") std::filesystem::remove(entry.path());
    }
  }

  // {"nats":["nats://127.0.0.1:4222"],"cluster":["nats://127.0.0.1:6222"]}
  void ReadPorts() {
    std::string text;
    auto value = [&](const std::string& name) {
      size_t at = text.find("\"" + name + "\"");
      size_t begin = at == std::string::npos ? at : text.find("nats://", at);
      return begin == std::string::npos ? std::string()
                                        : text.substr(begin, text.find('"', begin) - begin);
    };
    bool found = Eventually([&] {
      if (waitpid(pid_, nullptr, WNOHANG) != 0) {
        pid_ = 0;
        throw std::runtime_error("nats-server has ended");
      }
      std::ifstream file(directory_.path() + "/nats-server_" + std::to_string(pid_) + ".ports");
      text.assign(std::istreambuf_iterator<char>(file), {});
      return !value("nats").empty() && (!cluster_ || !value("cluster").empty());
    });
    if (!found) throw std::runtime_error("nats-server does not start");
    url_ = value("nats");
    route_ = value("cluster");
  }

  store::testing::TempDir directory_;
  const bool cluster_ = false;
  bool has_ports_ = false;
  std::string routes_;
  std::string url_;
  std::string route_;
  pid_t pid_ = 0;
};

// Three servers that replicate.
class NatsCluster {
 public:
  // Somebody may take a port before it is used: then with others.
  NatsCluster() {
    for (int tries = 0; nodes_.empty() && tries < 5; ++tries) TryToStart();
    if (nodes_.empty()) throw std::runtime_error("no cluster of nats-server starts");
  }
  NatsServer& node(const std::string& name) {
    return **std::ranges::find(nodes_, name, [](const auto& node) { return node->name(); });
  }
  std::string urls() const {
    return nodes_[0]->url() + "," + nodes_[1]->url() + "," + nodes_[2]->url();
  }

 private:
  void TryToStart() {
    std::string routes;
    for (int i = 0; i < 3; ++i) {
      nodes_.emplace_back(new NatsServer(NatsServer::OfCluster()));
      routes += (i ? "," : "") + nodes_[i]->route_;
    }
    try {
      for (auto& node : nodes_) {
        node->routes_ = routes;
        node->Start();
      }
    } catch (const std::runtime_error&) {
      nodes_.clear();
    }
  }

  std::vector<std::unique_ptr<NatsServer>> nodes_;
};

}  // namespace stampede::events::testing
