#include <libpq-fe.h>

#include <memory>

#include "base/error.h"
#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"

namespace stampede::store {
namespace {

// Values change often and are not indexed, so with room left in a page an update stays within it
// (HOT) and the index is not touched. kv_queue and commit_lanes are small and churn: they are
// vacuumed as soon as a few thousand rows are dead.
constexpr const char* kTables[] = {"kv", "kv_queue", "commit_lanes"};
constexpr const char* kCreate[] = {
    "CREATE TABLE IF NOT EXISTS kv ("
    "part int NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (part, key)) "
    "WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05)",
    "CREATE TABLE IF NOT EXISTS kv_queue ("
    "part int NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY (part, key)) "
    "WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, "
    "autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0, "
    "autovacuum_analyze_scale_factor = 1)",
    "CREATE TABLE IF NOT EXISTS commit_lanes ("
    "part int NOT NULL, lane bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (part, lane)) "
    "WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, "
    "autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0)",
};
// 4,096 partitions in so many pieces, which Citus moves between nodes; it must be chosen at the
// start. The other tables are cut in the same way, so that the rows of a partition are on one node.
constexpr const char* kUndistributed =
    "SELECT WHERE NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::regclass)";
constexpr const char* kDistributeFirst =
    "SELECT create_distributed_table($1::regclass, 'part', colocate_with => 'none', "
    "shard_count => 128)";
constexpr const char* kDistribute =
    "SELECT create_distributed_table($1::regclass, 'part', colocate_with => 'kv')";
// Of the session: distributing a table is a transaction of its own.
constexpr const char* kLock = "SELECT pg_advisory_lock(8319395793566789476)";
constexpr const char* kExists = "SELECT to_regclass($1) IS NOT NULL";
constexpr const char* kCitusLoaded =
    "SELECT FROM pg_available_extensions WHERE name = 'citus' "
    "AND current_setting('shared_preload_libraries') LIKE '%citus%'";

using Owned = std::unique_ptr<PGresult, decltype(&PQclear)>;

class Session {
 public:
  explicit Session(const std::string& database) : conn_(PQconnectdb(database.c_str()), &PQfinish) {
    if (PQstatus(conn_.get()) != CONNECTION_OK) Refuse(ErrorCode::kUnavailable);
    PQsetNoticeProcessor(conn_.get(), [](void*, const char*) {}, nullptr);
  }

  Owned Run(const char* sql, std::initializer_list<const char*> params = {}) {
    Owned result(PQexecParams(conn_.get(), sql, static_cast<int>(params.size()), nullptr,
                              params.begin(), nullptr, nullptr, 0),
                 &PQclear);
    ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) Refuse(ErrorCode::kInternal);
    return result;
  }
  bool Found(const char* sql) { return PQntuples(Run(sql).get()) > 0; }

 private:
  [[noreturn]] void Refuse(ErrorCode code) {
    throw Error(code, std::string("Cannot use the database: ") + PQerrorMessage(conn_.get()));
  }

  std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

}  // namespace

std::string InitPostgres(const std::string& database) {
  std::string complete;
  try {
    complete = postgres::CompleteConnectionString(database, "read-write");
  } catch (const postgres::ConnectFailure& failure) {
    throw Error(ErrorCode::kInternal, std::string("Cannot use the database: ") + failure.what());
  }
  std::string done;
  Session session(complete);
  session.Run(kLock);  // several may start at once
  session.Run("BEGIN");
  for (size_t i = 0; i < std::size(kTables); ++i) {
    Owned exists = session.Run(kExists, {kTables[i]});
    bool present = PQgetvalue(exists.get(), 0, 0)[0] == 't';
    session.Run(kCreate[i]);
    done += std::string("table ") + kTables[i] + (present ? ": was there\n" : ": created\n");
  }
  bool citus = session.Found(kCitusLoaded);
  if (citus) session.Run("CREATE EXTENSION IF NOT EXISTS citus");
  session.Run("COMMIT");
  if (!citus) return done;
  for (const char* table : kTables) {
    bool now = PQntuples(session.Run(kUndistributed, {table}).get()) > 0;
    if (now) session.Run(table == kTables[0] ? kDistributeFirst : kDistribute, {table});
    done += std::string("table ") + table + (now ? ": distributed\n" : ": was distributed\n");
  }
  return done;
}

}  // namespace stampede::store
