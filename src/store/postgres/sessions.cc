#include "store/postgres/sessions.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "store/postgres/command_session.h"

namespace stampede::store {

namespace {

constexpr const char* kCount =
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'stampede'";

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
  return std::strtoul(PQgetvalue(session.Run(kCount).get(), 0, 0), nullptr, 10);
}

}  // namespace stampede::store
