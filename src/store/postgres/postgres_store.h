#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "store/store.h"

namespace stampede::store {

struct PostgresOptions {
  // A libpq connection string: postgresql://a:5432,b:5432/stampede or host=a,b dbname=stampede
  // (https://www.postgresql.org/docs/15/libpq-connect.html). What it leaves out is set so that a
  // failover is followed and a dead server noticed: target_session_attrs=read-write,
  // connect_timeout, TCP keep-alives.
  std::string database;
  // Another one, of servers that answer stale_reads(); empty: there are none.
  std::string replica;
  size_t connections = 16;  // at most, to each of the two
  // What one call may take in all: waiting for a connection, tries, reconnecting. Finding out what
  // became of a commit whose connection was lost may take as long again.
  int timeout_ms = 8'000;
  // Every statement names one partition, as Citus routes best; always so when the database is
  // distributed. Else keys of many partitions are read by one statement.
  bool route_by_partition = false;
};

// The distributed engine: a Store in PostgreSQL 15, one server or several with failover, or Citus
// over many. Any number of processes may use one database. Thread-safe. Errors as store.h says:
// Error(kUnavailable) when the database stays away or refuses for longer than the time-out.
//
// A read is one round trip. A commit is one round trip too: one pipelined transaction, which aborts
// itself at the first expectation that does not hold. If the connection is lost before the answer,
// the store reconnects and finds out whether the batch is in (commit_plan.h); it is never applied
// twice. Deadlocks and other collisions are tried again.
class PostgresStore : public Store {
 public:
  // Since the store was opened.
  struct Stats {
    uint64_t commits;      // batches applied
    uint64_t conflicts;    // batches refused by an expectation
    uint64_t round_trips;  // of reads and commits, whatever came of them
    uint64_t retries;      // of these, not the first of their call
    uint64_t connects;     // connections opened
    uint64_t resolved;     // commits whose answer was lost and found out
  };
  virtual Stats stats() const = 0;

  // The same data as the replica has it, some moments old; commits are refused (std::logic_error).
  // Falls back to the database itself while no replica answers, or when none is configured.
  virtual Store& stale_reads() = 0;
};

// Connects once. Throws Error with a public text for the operator: kUnavailable when the database
// does not answer, kInternal when it lacks the tables or refuses us.
std::unique_ptr<PostgresStore> OpenPostgres(const PostgresOptions& options);

// Creates the tables where they are missing, and distributes them over the nodes when the database
// has Citus. Says what it did, one line each. Can be run again at any time. Throws as OpenPostgres.
std::string InitPostgres(const std::string& database);

}  // namespace stampede::store
