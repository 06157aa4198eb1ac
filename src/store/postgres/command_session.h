#pragma once

#include <initializer_list>
#include <memory>
#include <string>

struct pg_conn;
struct pg_result;

namespace stampede::store::postgres {

// A connection for a command, one statement after the other; waits for each without a limit. For one
// thread. Throws Error(kUnavailable) if it cannot connect, Error(kInternal) for a statement that fails.
class CommandSession {
 public:
  using Owned = std::unique_ptr<pg_result, void (*)(pg_result*)>;

  explicit CommandSession(const std::string& database);
  Owned Run(const char* sql, std::initializer_list<const char*> params = {});

  // `COPY … FROM STDIN (FORMAT binary)`; then the bytes, then the end of them.
  void BeginCopy(const char* sql);
  void CopyBytes(const std::string& bytes);
  void EndCopy();

 private:
  std::unique_ptr<pg_conn, void (*)(pg_conn*)> conn_;
};

}  // namespace stampede::store::postgres
