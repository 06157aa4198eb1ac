#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/postgres/postgres_store.h"
#include "store/test_support.h"

// Real PostgreSQL servers for tests, in temporary directories and on free ports of loopback.
// Header-only, so that it is part of test programs alone.
namespace stampede::store::testing {

// Asks again and again, but not for ever: false after half a minute.
template <class Condition>
bool Eventually(Condition condition) {
  SystemClock clock;
  for (int64_t end_us = clock.MonotonicUs() + 30'000'000; !condition(); usleep(1'000)) {
    if (clock.MonotonicUs() > end_us) return false;
  }
  return true;
}

// A port of loopback that nobody listens on at this moment.
inline uint16_t FreePort() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof(address);
  bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
               getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

// One server. PostgreSQL does not run as root: if we are, it runs as `postgres` or else `nobody`.
// It ends with the thread that made it. Throws std::runtime_error for whatever goes wrong.
class PostgresServer {
 public:
  enum class Disk { kForget, kSync };  // fsync off or on

  explicit PostgresServer(Disk disk = Disk::kForget, std::vector<std::string> settings = {})
      : PostgresServer(disk, std::move(settings), nullptr) {}
  // A streaming standby of `primary`.
  static std::unique_ptr<PostgresServer> StandbyOf(const PostgresServer& primary) {
    return std::unique_ptr<PostgresServer>(new PostgresServer(Disk::kForget, {}, &primary));
  }
  ~PostgresServer() { Kill(SIGQUIT); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  std::string database(uint16_t port) const {
    return "host=127.0.0.1 port=" + std::to_string(port) + " user=stampede dbname=postgres";
  }
  std::string database() const { return database(port_); }
  // Through the Unix socket: for measurements.
  std::string local_database() const {
    return "host=" + directory_.path() + " port=" + std::to_string(port_) +
           " user=stampede dbname=postgres";
  }
  // The tables, in a schema of their own; the connection string that leads there.
  std::string FreshDatabase() { return FreshDatabase(database()); }
  std::string FreshDatabase(const std::string& database) {
    std::string schema = "t" + std::to_string(++schemas_);
    Sql("CREATE SCHEMA " + schema);
    std::string own = database + " options=-csearch_path=" + schema;
    InitPostgres(own);
    return own;
  }

  void Kill(int signal = SIGKILL) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void Start() {
    pid_ = Spawn("postgres", {"-D", data_});
    for (int i = 0; i < 3000; ++i) {
      if (PQping(database().c_str()) == PQPING_OK) return;
      // After a kill -9 the old server's children may still be there, and then it refuses to start.
      if (waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = Spawn("postgres", {"-D", data_});
      usleep(10'000);
    }
    throw std::runtime_error("postgres does not start: " + Log());
  }
  // What it wrote since the start of the test.
  std::string Log() const {
    std::ifstream file(directory_.path() + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Promote() { Run("pg_ctl", {"promote", "-w", "-D", data_}); }

  // Returns the first field of the first row.
  std::string Sql(const std::string& sql) const {
    std::unique_ptr<PGconn, decltype(&PQfinish)> conn(PQconnectdb(database().c_str()), &PQfinish);
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(conn.get(), sql.c_str()), &PQclear);
    ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      throw std::runtime_error(sql + ": " + PQerrorMessage(conn.get()));
    }
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }

 private:
  // STAMPEDE_POSTGRES_BIN: another build than Debian's, for one that has Citus.
  static std::string Programs() {
    const char* other = std::getenv("STAMPEDE_POSTGRES_BIN");
    return std::string(other == nullptr ? "/usr/lib/postgresql/15/bin" : other) + "/";
  }

  PostgresServer(Disk disk, std::vector<std::string> settings, const PostgresServer* primary)
      : port_(FreePort()), data_(directory_.path() + "/data") {
    if (geteuid() == 0) {
      user_ = getpwnam("postgres");
      if (user_ == nullptr) user_ = getpwnam("nobody");
      if (user_ == nullptr || chown(directory_.path().c_str(), user_->pw_uid, user_->pw_gid) != 0) {
        throw std::runtime_error("no user to run PostgreSQL as");
      }
    }
    if (primary == nullptr) {
      Run("initdb",
          {"-D", data_, "-U", "stampede", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"});
    } else {
      Run("pg_basebackup", {"-D", data_, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                            primary->database() + " application_name=standby"});
    }
    std::ofstream file(data_ + "/postgresql.conf", std::ios::app);
    file << "port = " << port_ << "\nlisten_addresses = '127.0.0.1'\n"
         << "unix_socket_directories = '" << directory_.path() << "'\n"
         << "max_connections = 60\nshared_buffers = 32MB\nmax_wal_size = 256MB\n"
         << "dynamic_shared_memory_type = mmap\nlogging_collector = off\n"
         << (disk == Disk::kForget ? "fsync = off\nfull_page_writes = off\n" : "fsync = on\n");
    for (const std::string& setting : settings) file << setting << "\n";
    if (primary != nullptr) file << "synchronous_standby_names = ''\n";
    file.close();
    Start();
  }

  pid_t Spawn(const std::string& program, const std::vector<std::string>& arguments) {
    std::string path = Programs() + program, log = directory_.path() + "/log";
    std::vector<char*> pointers = {path.data()};
    for (const std::string& argument : arguments) {
      pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    const std::string& home = directory_.path();
    pid_t child = fork();
    if (child != 0) return child;
    int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    dup2(output, 1);
    dup2(output, 2);
    close_range(3, ~0u, 0);
    bool ready = chdir(home.c_str()) == 0;
    if (user_ != nullptr) {
      ready = ready && chmod(log.c_str(), 0666) == 0 && setgroups(0, nullptr) == 0 &&
              setgid(user_->pw_gid) == 0 && setuid(user_->pw_uid) == 0;
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (ready) execv(path.c_str(), pointers.data());
    _exit(127);
  }

  void Run(const std::string& program, const std::vector<std::string>& arguments) {
    int status = 0;
    waitpid(Spawn(program, arguments), &status, 0);
    if (status != 0) throw std::runtime_error(program + " failed: " + Log());
  }

  TempDir directory_;
  const passwd* user_ = nullptr;
  uint16_t port_;
  std::string data_;
  pid_t pid_ = 0;
  std::atomic<int> schemas_ = 0;
};

// The server that the ordinary tests of a program share; started by the first of them.
inline PostgresServer& SharedPostgres() {
  static PostgresServer server;
  return server;
}

}  // namespace stampede::store::testing
