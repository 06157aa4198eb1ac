#include "store/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"

namespace stampede::store::postgres {
namespace {

// Plans are made once per connection, maybe while the tables are empty; there is only ever one good
// plan, through the primary key.
constexpr const char* kSessionSettings =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
    "SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET enable_material = off; SET jit = off; SET statement_timeout = ";
// Citus has a generic plan only for the simplest statements, and refuses others when it is forced to
// make one: it must know the partition. Nodes are told what a transaction sets (kRelax).
constexpr const char* kCitusSettings =
    "SET plan_cache_mode = auto; SET citus.propagate_set_commands = 'local'";
// Not to be had on every system: the server gives up on a vanished client soon, and lets go of its
// locks.
constexpr const char* kKeepAliveSettings =
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; "
    "SET client_connection_check_interval = 5000";
constexpr const char* kIsDistributed = "SELECT FROM pg_extension WHERE extname = 'citus'";

constexpr std::string_view kInternalError = "XX000";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedColumn = "42703";

using Owned = std::unique_ptr<PGresult, decltype(&PQclear)>;
Owned Own(PGresult* result) { return {result, &PQclear}; }

std::string StateOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? std::string() : state;
}

std::string Trimmed(const char* text) {
  std::string trimmed(text == nullptr ? "" : text);
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == ' ')) trimmed.pop_back();
  std::ranges::replace(trimmed, '\n', ' ');
  return trimmed;
}

bool Succeeded(const PGresult* result) {
  ExecStatusType status = PQresultStatus(result);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

// A commit that an operator cut short while it waited for a standby is reported as a success with a
// warning (SyncRepWaitForLSN in PostgreSQL's syncrep.c). So is one of Citus when a node prepared it
// and then died (FinishRemoteTransactionCommit in Citus' remote_transaction.c).
void OnNotice(void* unfinished, const PGresult* notice) {
  const char* text = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (text != nullptr && (std::strcmp(text, "SyncRepWaitForLSN") == 0 ||
                          std::strcmp(text, "FinishRemoteTransactionCommit") == 0)) {
    *static_cast<bool*>(unfinished) = true;
  }
}

void SetIfAbsent(PQconninfoOption* options, const char* keyword, const char* value,
                 std::string* out) {
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (std::strcmp(option->keyword, keyword) == 0 && option->val != nullptr) return;
  }
  *out += std::string(keyword) + "='" + value + "' ";
}

}  // namespace

int64_t NowUs() {
  static SystemClock clock;
  return clock.MonotonicUs();
}

size_t Result::rows() const { return static_cast<size_t>(PQntuples(result_.get())); }

std::string_view Result::Bytes(size_t row, int column) const {
  int at = static_cast<int>(row);
  return {PQgetvalue(result_.get(), at, column),
          static_cast<size_t>(PQgetlength(result_.get(), at, column))};
}

int64_t Result::Int8(size_t row, int column) const {
  uint64_t bits = 0;
  for (char byte : Bytes(row, column)) bits = bits << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(bits);
}

void Result::Clear(pg_result* result) { PQclear(result); }

Remedy RemedyFor(const Failure& failure) {
  if (failure.lost) return Remedy::kElsewhere;
  if (failure.node_lost) return Remedy::kLater;
  std::string_view state = failure.sqlstate;
  // serialization_failure, deadlock_detected, lock_not_available; a row among what was erased
  if (state == "40001" || state == "40P01" || state == "55P03" || state == kSquareRootOfNegative) {
    return Remedy::kAgain;
  }
  // read_only_sql_transaction: the server became a standby; shutdowns; a pooler in between forgot
  // our statements.
  if (state == "25006" || state.starts_with("57P") || state == "26000") return Remedy::kElsewhere;
  // insufficient resources, system error, a node behind Citus not reached, statement_timeout
  if (state.starts_with("53") || state.starts_with("58") || state.starts_with("08") ||
      state == "57014") {
    return Remedy::kLater;
  }
  return Remedy::kNone;
}

std::string CompleteConnectionString(const std::string& database, const std::string& session) {
  char* error = nullptr;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(database.c_str(), &error), &PQconninfoFree);
  if (options == nullptr) {
    std::string reason = Trimmed(error);
    PQfreemem(error);
    throw ConnectFailure(reason, true);
  }
  std::string complete;
  for (PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    complete += std::string(option->keyword) + "='";
    for (const char* c = option->val; *c != '\0'; ++c) {
      if (*c == '\'' || *c == '\\') complete += '\\';
      complete += *c;
    }
    complete += "' ";
  }
  SetIfAbsent(options.get(), "target_session_attrs", session.c_str(), &complete);
  SetIfAbsent(options.get(), "fallback_application_name", "stampede", &complete);
  SetIfAbsent(options.get(), "connect_timeout", "3", &complete);
  SetIfAbsent(options.get(), "keepalives_idle", "5", &complete);
  SetIfAbsent(options.get(), "keepalives_interval", "2", &complete);
  SetIfAbsent(options.get(), "keepalives_count", "3", &complete);
  SetIfAbsent(options.get(), "tcp_user_timeout", "10000", &complete);
  return complete;
}

Connection::Connection(const std::string& database, int timeout_ms)
    : conn_(PQconnectdb(database.c_str()), &PQfinish) {
  if (PQstatus(conn_.get()) != CONNECTION_OK) {
    std::string reason = Trimmed(PQerrorMessage(conn_.get()));
    // libpq gives no SQLSTATE here; a server that refuses us says so in words of its own.
    bool lasting = reason.find("does not exist") != std::string::npos ||
                   reason.find("password authentication failed") != std::string::npos ||
                   reason.find("no pg_hba.conf entry") != std::string::npos ||
                   reason.find("no password supplied") != std::string::npos;
    throw ConnectFailure(reason, lasting);
  }
  PQsetNoticeReceiver(conn_.get(), &OnNotice, &unfinished_);
  Configure(timeout_ms);
  Prepare(NowUs() + 1000LL * timeout_ms);
}

Connection::~Connection() = default;

void Connection::Configure(int timeout_ms) {
  std::string settings = kSessionSettings + std::to_string(timeout_ms);
  Owned set = Own(PQexec(conn_.get(), settings.c_str()));
  if (!Succeeded(set.get())) throw ConnectFailure(Trimmed(PQerrorMessage(conn_.get())), false);
  Own(PQexec(conn_.get(), kKeepAliveSettings));
  Owned citus = Own(PQexec(conn_.get(), kIsDistributed));
  if (!Succeeded(citus.get())) throw ConnectFailure(Trimmed(PQerrorMessage(conn_.get())), false);
  distributed_ = PQntuples(citus.get()) > 0;
  if (distributed_) Own(PQexec(conn_.get(), kCitusSettings));
}

void Connection::Prepare(int64_t deadline_us) {
  PGconn* conn = conn_.get();
  size_t count = 0;
  bool sent = PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn) == 1;
  for (uint8_t i = 0; i < static_cast<uint8_t>(Statement::kCount); ++i) {
    auto statement = static_cast<Statement>(i);
    for (SqlTable table : {SqlTable::kKv, SqlTable::kQueue}) {
      if (table == SqlTable::kQueue && !IsOfTable(statement)) continue;
      sent = sent && PQsendPrepare(conn, NameOf(statement, table).c_str(),
                                   SqlOf(statement, table).c_str(), 0, nullptr) == 1;
      ++count;
    }
  }
  std::optional<Failure> failure;
  if (!sent || PQpipelineSync(conn) != 1) {
    failure = Lost(0);
  } else {
    failure = Receive(count, false, deadline_us, nullptr);
  }
  if (!failure) return;
  bool no_schema = failure->sqlstate == kUndefinedTable || failure->sqlstate == kUndefinedColumn;
  throw ConnectFailure(failure->message, no_schema, no_schema);
}

bool Connection::SendCall(const Call& call) {
  std::array<const char*, Call::kParamsMax> values{};
  std::array<int, Call::kParamsMax> lengths{};
  std::array<int, Call::kParamsMax> formats{};
  for (size_t i = 0; i < call.count; ++i) {
    std::string_view bytes = call.params[i].bytes();
    values[i] = bytes.data() == nullptr ? "" : bytes.data();  // a null pointer would mean NULL
    lengths[i] = static_cast<int>(bytes.size());
    formats[i] = 1;
  }
  return PQsendQueryPrepared(conn_.get(), NameOf(call.statement, call.table).c_str(),
                             static_cast<int>(call.count), values.data(), lengths.data(),
                             formats.data(), 1) == 1;
}

std::optional<Failure> Connection::Run(std::span<const Call> calls, int64_t deadline_us,
                                       std::vector<Result>* results) {
  unfinished_ = false;
  settled_ = false;
  const bool rolls_back = PQtransactionStatus(conn_.get()) == PQTRANS_INERROR;
  if (rolls_back && !SendCall(Call(Statement::kRollback))) return Lost(0);
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!SendCall(calls[i])) return Lost(i);
  }
  if (PQpipelineSync(conn_.get()) != 1) return Lost(calls.size());
  auto failure = Receive(calls.size(), rolls_back, deadline_us, results);
  settled_ = !failure || !failure->lost;
  return failure;
}

// Per statement libpq gives its result and then null; for the end of the pipeline, one result.
std::optional<Failure> Connection::Receive(size_t count, bool rolls_back, int64_t deadline_us,
                                           std::vector<Result>* results) {
  std::optional<Failure> failure;
  timed_out_ = false;
  const size_t first = rolls_back ? 1 : 0;
  size_t done = 0;
  for (;;) {
    Owned result = Own(NextResult(deadline_us));
    const size_t call = done < first ? 0 : done - first;
    if (result == nullptr) {
      if (PQstatus(conn_.get()) == CONNECTION_BAD || timed_out_ || done >= first + count) {
        if (failure) {
          failure->lost = true;
          return failure;
        }
        return Lost(std::min(call, count));
      }
      ++done;
      continue;
    }
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        return failure;
      case PGRES_PIPELINE_ABORTED:
        break;
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        if (results != nullptr && done >= first) results->emplace_back(result.release());
        break;
      default:
        if (!failure) {
          failure = Failure{call, StateOf(result.get()),
                            Trimmed(PQresultErrorMessage(result.get())), false};
        }
        failure->lost |= PQstatus(conn_.get()) == CONNECTION_BAD || failure->sqlstate.empty();
        // What libpq says to the coordinator of a broken connection has no SQLSTATE of its own.
        failure->node_lost |= distributed_ && (failure->sqlstate == kInternalError ||
                                               failure->sqlstate.starts_with("08"));
        if (failure->lost) return failure;
    }
  }
}

pg_result* Connection::NextResult(int64_t deadline_us) {
  PGconn* conn = conn_.get();
  for (;;) {
    int unsent = PQflush(conn);
    if (unsent == 0 && PQisBusy(conn) == 0) return PQgetResult(conn);
    if (PQstatus(conn) == CONNECTION_BAD) return nullptr;
    if (!WaitForSocket(deadline_us)) return nullptr;
    if (PQconsumeInput(conn) == 0) return PQisBusy(conn) == 0 ? PQgetResult(conn) : nullptr;
  }
}

bool Connection::WaitForSocket(int64_t deadline_us) {
  PGconn* conn = conn_.get();
  short events = POLLIN;
  if (PQflush(conn) != 0) events |= POLLOUT;
  pollfd waiting{.fd = PQsocket(conn), .events = events, .revents = 0};
  for (;;) {
    int64_t left_ms = std::max<int64_t>(0, (deadline_us - NowUs() + 999) / 1000);
    int ready = poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left_ms, 3'600'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    timed_out_ = true;
    return false;
  }
}

Failure Connection::Lost(size_t call) const {
  std::string message = timed_out_ ? "no answer in time" : Trimmed(PQerrorMessage(conn_.get()));
  return {call, {}, message.empty() ? "connection lost" : message, true};
}

bool Connection::open() {
  if (!settled_) return false;
  pollfd waiting{.fd = PQsocket(conn_.get()), .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, 0) <= 0) return PQstatus(conn_.get()) == CONNECTION_OK;
  // Nothing was asked, so this is a notice, a changed parameter or the end.
  return PQconsumeInput(conn_.get()) == 1 && PQstatus(conn_.get()) == CONNECTION_OK;
}

bool Connection::Answers(int64_t deadline_us) {
  Call nothing(Statement::kGet);
  nothing.With(Param::Int4(-1)).With(Param::BytesArray({}));
  return !Run({&nothing, 1}, deadline_us, nullptr);
}

}  // namespace stampede::store::postgres
