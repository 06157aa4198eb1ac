#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/call.h"

struct pg_conn;
struct pg_result;

namespace stampede::store::postgres {

// What PostgreSQL answered to one statement.
class Result {
 public:
  explicit Result(pg_result* result) : result_(result, &Clear) {}

  size_t rows() const;
  // Binary format; the view lives as long as the result.
  std::string_view Bytes(size_t row, int column) const;
  int64_t Int8(size_t row, int column) const;

 private:
  static void Clear(pg_result* result);
  std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
};

// Why a pipeline ended early. `call` is the statement it broke at; those behind it were skipped.
struct Failure {
  size_t call;
  std::string sqlstate;  // empty when the connection was lost
  std::string message;
  bool lost;               // the connection cannot be used any more
  bool node_lost = false;  // with Citus: the coordinator did not reach another node
};

// What can be done about an error, by its SQLSTATE
// (https://www.postgresql.org/docs/15/errcodes-appendix.html).
enum class Remedy {
  kAgain,      // others were in the way: at once
  kLater,      // the server is in trouble: a little later
  kElsewhere,  // this connection is of no use: by another
  kNone,
};
Remedy RemedyFor(const Failure& failure);

// Thrown when there is no connection to be had.
class ConnectFailure : public std::runtime_error {
 public:
  ConnectFailure(const std::string& message, bool lasting, bool no_schema = false)
      : std::runtime_error(message), lasting(lasting), no_schema(no_schema) {}
  bool lasting;    // waiting will not help: wrong password, no such database, no tables
  bool no_schema;  // the tables are missing
};

// Microseconds of the monotonic clock: what deadlines are measured by.
int64_t NowUs();

// One connection in pipeline mode, with every statement prepared. For one thread at a time;
// destroying it closes it.
class Connection {
 public:
  // Blocks for at most the connect_timeout of each host. Throws ConnectFailure.
  Connection(const std::string& database, int timeout_ms);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends all the calls, then reads all the answers: one round trip. The answers of `results` are
  // those of the calls before the failure, if there is one. After a failure in a transaction, the
  // next run rolls it back first. A run that is not through by the deadline counts as lost.
  std::optional<Failure> Run(std::span<const Call> calls, int64_t deadline_us,
                             std::vector<Result>* results);

  // Costs no round trip: whether the server has closed it while it was idle.
  bool open();
  // One round trip.
  bool Answers(int64_t deadline_us);

  // The database has the citus extension.
  bool distributed() const { return distributed_; }
  // In the last run, the server said that a commit is in, but not everywhere: not on the standbys as
  // asked, or with Citus not yet on a node that has only prepared it.
  bool unfinished() const { return unfinished_; }

 private:
  void Configure(int timeout_ms);
  void Prepare(int64_t deadline_us);
  bool SendCall(const Call& call);
  std::optional<Failure> Receive(size_t count, bool rolls_back, int64_t deadline_us,
                                 std::vector<Result>* results);
  pg_result* NextResult(int64_t deadline_us);
  bool WaitForSocket(int64_t deadline_us);
  Failure Lost(size_t call) const;

  std::unique_ptr<pg_conn, void (*)(pg_conn*)> conn_;
  bool distributed_ = false;
  bool unfinished_ = false;
  bool timed_out_ = false;
  bool settled_ = true;  // every answer of the last run was read
};

// The connection string with what it lacks: `session` (target_session_attrs), time-outs,
// keep-alives. Throws ConnectFailure for one that cannot be read.
std::string CompleteConnectionString(const std::string& database, const std::string& session);

}  // namespace stampede::store::postgres
