#include "store/postgres/sessions.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "codec/hex.h"
#include "store/keyspace.h"
#include "store/postgres/command_session.h"

namespace stampede::store {

namespace {

constexpr const char* kCount =
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'stampede'";
// Whichever node they are connected to.
constexpr const char* kCountOnCitus =
    "SELECT count(*) FROM citus_stat_activity "
    "WHERE datname = current_database() AND application_name = 'stampede'";
constexpr const char* kHasCitus = "SELECT FROM pg_extension WHERE extname = 'citus'";

// $1: the bytes of the tables whose rows belong here. A short key has no byte to look at, hence CASE.
constexpr const char* kHiddenInKv =
    "SELECT encode(key, 'hex'), count(*) OVER () FROM kv WHERE CASE WHEN length(key) < 3 THEN true "
    "ELSE part <> get_byte(key, 0) * 256 + get_byte(key, 1) OR part >= 4096 OR "
    "position(substring(key FROM 3 FOR 1) IN $1::bytea) = 0 END LIMIT 20";
constexpr const char* kHiddenInQueue =
    "SELECT encode(key, 'hex'), count(*) OVER () FROM kv_queue WHERE CASE WHEN length(key) < 3 "
    "THEN "
    "true ELSE part <> get_byte(key, 0) * 256 + get_byte(key, 1) OR part >= 4096 OR "
    "position(substring(key FROM 3 FOR 1) IN $1::bytea) = 0 END LIMIT 20";

// As PostgreSQL reads bytea.
std::string TableBytes(bool queues) {
  std::string bytes;
  for (const Table* table : AllTables()) {
    bool is_queue = table->access() == Access::kQueue;
    if (is_queue == queues) bytes.push_back(static_cast<char>(table->byte()));
  }
  return "\\x" + codec::HexEncode(bytes);
}

}  // namespace

std::string NameOfDatabase(const std::string& database) {
  char* error = nullptr;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(database.c_str(), &error), &PQconninfoFree);
  if (options == nullptr) {
    std::string reason = error == nullptr ? "" : error;
    PQfreemem(error);
    throw Error(ErrorCode::kInternal, "Not a connection string of PostgreSQL: " + reason);
  }
  auto value = [&](std::string_view keyword) -> std::string {
    for (PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
      if (option->keyword == keyword && option->val != nullptr) return option->val;
    }
    return {};
  };
  std::string name = "the database " + value("dbname") + " at ";
  std::string host = value("host").empty() ? value("hostaddr") : value("host");
  name += host.empty() ? "this machine" : host;
  if (!value("port").empty()) name += " port " + value("port");
  return name;
}

std::string ForCommand(const std::string& database) {
  constexpr std::string_view kName = "application_name=stampede_command";
  bool is_url = database.starts_with("postgres://") || database.starts_with("postgresql://");
  const char* joint = !is_url ? " " : database.find('?') == std::string::npos ? "?" : "&";
  return database + joint + std::string(kName);
}

size_t CountServerSessions(const std::string& database) {
  postgres::CommandSession session(ForCommand(database));
  const bool citus = PQntuples(session.Run(kHasCitus).get()) > 0;
  auto count = session.Run(citus ? kCountOnCitus : kCount);
  return std::strtoul(PQgetvalue(count.get(), 0, 0), nullptr, 10);
}

Inspection InspectPostgres(const std::string& database) {
  postgres::CommandSession session(ForCommand(database));
  Inspection result;
  for (bool queues : {false, true}) {
    auto rows = session.Run(queues ? kHiddenInQueue : kHiddenInKv, {TableBytes(queues).c_str()});
    int count = PQntuples(rows.get());
    for (int i = 0; i < count; ++i) {
      result.Complain(std::string("key ") + PQgetvalue(rows.get(), i, 0) +
                      " belongs to no table or lies in the wrong place");
    }
    if (count > 0) {
      result.problems +=
          std::strtoul(PQgetvalue(rows.get(), 0, 1), nullptr, 10) - static_cast<uint64_t>(count);
    }
  }
  return result;
}

}  // namespace stampede::store
