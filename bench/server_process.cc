#include "bench/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "bench/http_load.h"

namespace stampede::bench {
namespace {

constexpr int64_t kStartTimeoutUs = 120'000'000;

uint16_t FreePort() {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  bool bound = ::bind(fd, any, size) == 0 && ::getsockname(fd, any, &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

// A line of /proc/PID/status, in kB.
double StatusMb(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  }
  throw std::runtime_error("the server is gone");
}

}  // namespace

ServerProcess::ServerProcess(const std::string& binary, const std::string& data_dir,
                             const std::string& log_path, const std::vector<std::string>& settings)
    : port_(FreePort()), metrics_port_(FreePort()) {
  int64_t before_us = clock_.MonotonicUs();
  Spawn(binary, data_dir, log_path, settings);
  try {
    WaitHealthy();
  } catch (...) {
    Kill();
    throw;
  }
  start_us_ = clock_.MonotonicUs() - before_us;
}

ServerProcess::~ServerProcess() { Kill(); }

void ServerProcess::Spawn(const std::string& binary, const std::string& data_dir,
                          const std::string& log_path, std::vector<std::string> settings) {
  const std::string listen = "127.0.0.1:" + std::to_string(port_);
  std::vector<std::string> arguments = {binary, "serve", "--data", data_dir, "--listen", listen};
  settings.insert(settings.end(),
                  {"STAMPEDE_RATE_LIMIT_PERCENT=0", "STAMPEDE_BASE_URL=http://" + listen,
                   "STAMPEDE_METRICS_LISTEN=127.0.0.1:" + std::to_string(metrics_port_)});
  std::vector<char*> argv, envp;
  for (auto& argument : arguments) argv.push_back(argument.data());
  for (auto& setting : settings) envp.push_back(setting.data());
  for (char** variable = environ; *variable != nullptr; ++variable) envp.push_back(*variable);
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  int error = posix_spawn(&pid_, binary.c_str(), &files, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::system_error(error, std::generic_category(), binary);
}

void ServerProcess::WaitHealthy() {
  int64_t give_up_us = clock_.MonotonicUs() + kStartTimeoutUs;
  while (clock_.MonotonicUs() < give_up_us) {
    try {
      if (Fetch(port_, "/health").status == 200) return;
    } catch (const std::exception&) {  // not listening yet
    }
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("the server ended at once; see its log");
    }
    ::poll(nullptr, 0, 1);
  }
  throw std::runtime_error("the server does not become healthy");
}

void ServerProcess::WaitUntilCalm() {
  constexpr int kSecondsMax = 60;
  double before_s = cpu_s();
  for (int second = 0; second < kSecondsMax; ++second) {
    ::poll(nullptr, 0, 1'000);
    double now_s = cpu_s();
    if (now_s - before_s < 0.05) return;
    before_s = now_s;
  }
}

int ServerProcess::Reap() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

void ServerProcess::Stop() {
  ::kill(pid_, SIGTERM);
  int status = Reap();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("the server did not stop cleanly; see its log");
  }
}

void ServerProcess::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  Reap();
}

double ServerProcess::rss_mb() const { return StatusMb(pid_, "VmRSS"); }
double ServerProcess::peak_rss_mb() const { return StatusMb(pid_, "VmHWM"); }

void ServerProcess::ResetPeak() {
  std::ofstream("/proc/" + std::to_string(pid_) + "/clear_refs") << 5;  // see proc(5)
}

double ServerProcess::cpu_s() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ServerProcess::Metric(const std::string& name) const {
  std::istringstream lines(Fetch(metrics_port_, "/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    char after = line[std::min(name.size(), line.size() - 1)];
    if (after == ' ' || after == '{') sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

double MachineCpuSeconds() {
  std::ifstream file("/proc/stat");  // "cpu", then user nice system idle iowait irq softirq steal
  std::string name;
  file >> name;
  double sum = 0, ticks = 0;
  for (int field = 0; field < 8; ++field) {
    file >> ticks;
    if (field != 3 && field != 4) sum += ticks;
  }
  return sum / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace stampede::bench
