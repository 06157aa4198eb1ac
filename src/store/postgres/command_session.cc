#include "store/postgres/command_session.h"

#include <libpq-fe.h>

#include "base/error.h"
#include "store/postgres/connection.h"

namespace stampede::store::postgres {

namespace {

[[noreturn]] void Refuse(ErrorCode code, PGconn* connection) {
  throw Error(code, std::string("Cannot use the database: ") + PQerrorMessage(connection));
}

std::string Complete(const std::string& database) {
  try {
    return CompleteConnectionString(database, "read-write");
  } catch (const ConnectFailure& failure) {
    throw Error(ErrorCode::kInternal, std::string("Cannot use the database: ") + failure.what());
  }
}

}  // namespace

CommandSession::CommandSession(const std::string& database)
    : conn_(PQconnectdb(Complete(database).c_str()), &PQfinish) {
  if (PQstatus(conn_.get()) != CONNECTION_OK) Refuse(ErrorCode::kUnavailable, conn_.get());
  PQsetNoticeProcessor(conn_.get(), [](void*, const char*) {}, nullptr);
}

CommandSession::Owned CommandSession::Run(const char* sql,
                                          std::initializer_list<const char*> params) {
  Owned result(PQexecParams(conn_.get(), sql, static_cast<int>(params.size()), nullptr,
                            params.begin(), nullptr, nullptr, 0),
               &PQclear);
  ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    Refuse(ErrorCode::kInternal, conn_.get());
  }
  return result;
}

void CommandSession::BeginCopy(const char* sql) {
  Owned result(PQexec(conn_.get(), sql), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) Refuse(ErrorCode::kInternal, conn_.get());
}

void CommandSession::CopyBytes(const std::string& bytes) {
  if (PQputCopyData(conn_.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    Refuse(ErrorCode::kUnavailable, conn_.get());
  }
}

void CommandSession::EndCopy() {
  if (PQputCopyEnd(conn_.get(), nullptr) != 1) Refuse(ErrorCode::kUnavailable, conn_.get());
  bool done = false;
  while (true) {
    Owned result(PQgetResult(conn_.get()), &PQclear);
    if (!result) break;
    done = PQresultStatus(result.get()) == PGRES_COMMAND_OK;
  }
  if (!done) Refuse(ErrorCode::kInternal, conn_.get());
}

}  // namespace stampede::store::postgres
