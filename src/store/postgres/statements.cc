#include "store/postgres/statements.h"

namespace stampede::store::postgres {
namespace {

// A counter is 8 bytes, big-endian; what is none counts as zero, as in the embedded engine. Citus
// passes a CASE with an operand on to its nodes wrongly, one of conditions rightly.
constexpr std::string_view kOldCounter =
    "(CASE WHEN octet_length(@.value) = 8 THEN ('x' || encode(@.value, 'hex'))::bit(64)::int8 "
    "ELSE 0 END)";

// Counters wrap (store.h), where bigint refuses to overflow: the sum is taken in numeric, and brought
// back from [-2^64, 2^64) into [-2^63, 2^63). No part of it may overflow by itself, because a plan
// that knows the parameters works out in advance also what will not be used.
std::string AddSql() {
  return "INSERT INTO @ (part, key, value) VALUES ($1, $2, int8send($3::int8)) "
         "ON CONFLICT (part, key) DO UPDATE SET value = int8send(((" +
         std::string(kOldCounter) +
         "::numeric + $3::int8::numeric + 27670116110564327424) % 18446744073709551616 - "
         "9223372036854775808)::int8)";
}

// Divides by zero unless the row is there; the row is locked until the transaction ends.
std::string ExpectSql(std::string_view condition, std::string_view lock) {
  return "SELECT 1 / count(*) FROM (SELECT 1 FROM @ WHERE part = $1 AND key = $2" +
         std::string(condition) + " FOR " + std::string(lock) + ") AS found";
}

constexpr std::string_view kInRange = " FROM @ WHERE part = $1 AND key >= $2 AND key < $3";

std::string Template(Statement statement) {
  std::string in_range(kInRange);
  switch (statement) {
    case Statement::kBegin:
      return "BEGIN ISOLATION LEVEL READ COMMITTED";
    case Statement::kCommit:
      return "COMMIT";
    case Statement::kRollback:
      return "ROLLBACK";
    case Statement::kRelax:
      return "SET LOCAL synchronous_commit = off";
    case Statement::kLane:
      return "INSERT INTO commit_lanes (part, lane, seq) VALUES ($1, $2, $3) "
             "ON CONFLICT (part, lane) DO UPDATE "
             "SET seq = excluded.seq / (commit_lanes.seq < excluded.seq)::int";
    case Statement::kFence:
      return "INSERT INTO commit_lanes (part, lane, seq) VALUES ($1, $2, $3::int8 + 1) "
             "ON CONFLICT (part, lane) DO UPDATE "
             "SET seq = CASE WHEN commit_lanes.seq < excluded.seq - 1 THEN excluded.seq "
             "ELSE commit_lanes.seq END RETURNING seq";
    case Statement::kSweepLanes:
      return "DELETE FROM commit_lanes WHERE seq < $1";
    case Statement::kShareErasures:
      return "SELECT pg_advisory_xact_lock_shared(8319395793566789475)";
    case Statement::kOwnErasures:
      return "SELECT pg_advisory_xact_lock(8319395793566789475)";
    case Statement::kExpectPresent:
      return ExpectSql("", "SHARE");
    case Statement::kExpectPresentToWrite:
      return ExpectSql("", "UPDATE");
    case Statement::kExpectEquals:
      return ExpectSql(" AND value = $3", "SHARE");
    case Statement::kExpectEqualsToWrite:
      return ExpectSql(" AND value = $3", "UPDATE");
    case Statement::kInsert:
      return "INSERT INTO @ (part, key, value) VALUES ($1, $2, $3)";
    case Statement::kUpsert:
      return "INSERT INTO @ (part, key, value) VALUES ($1, $2, $3) "
             "ON CONFLICT (part, key) DO UPDATE SET value = excluded.value";
    case Statement::kAdd:
      return AddSql();
    case Statement::kLock:
      // A row that conflicts is locked also when the condition is false.
      return "INSERT INTO @ (part, key, value) VALUES ($1, $2, '') "
             "ON CONFLICT (part, key) DO UPDATE SET value = '' WHERE false";
    case Statement::kErase:
      return "DELETE FROM @ WHERE part = $1 AND key = $2";
    case Statement::kEraseMany:
      return "DELETE FROM @ WHERE part = $1 AND key = ANY($2::bytea[])";
    case Statement::kEraseRange:
      return "DELETE" + in_range;
    case Statement::kExpectErased:
      return "SELECT sqrt(-count(*)) FROM @ WHERE part = $1 AND key = ANY($2::bytea[])";
    case Statement::kExpectEmpty:
      return "SELECT sqrt(-count(*)) FROM (SELECT 1" + in_range + " LIMIT 1) AS left_over";
    case Statement::kGet:
      return "SELECT key, value FROM @ WHERE part = $1 AND key = ANY($2::bytea[])";
    case Statement::kGetMany:
      return "SELECT @.key, @.value FROM unnest($1::int4[], $2::bytea[]) AS wanted (part, key) "
             "JOIN @ ON @.part = wanted.part AND @.key = wanted.key";
    case Statement::kScan:
      return "SELECT key, value" + in_range + " ORDER BY key LIMIT $4";
    case Statement::kScanBackward:
      return "SELECT key, value" + in_range + " ORDER BY key DESC LIMIT $4";
    case Statement::kCount:
      break;
  }
  return {};
}

}  // namespace

std::string SqlOf(Statement statement, SqlTable table) {
  std::string_view name = table == SqlTable::kKv ? "kv" : "kv_queue";
  std::string sql;
  for (char c : Template(statement)) {
    if (c == '@') {
      sql += name;
    } else {
      sql += c;
    }
  }
  return sql;
}

std::string NameOf(Statement statement, SqlTable table) {
  std::string name = IsOfTable(statement) && table == SqlTable::kQueue ? "stampede_q" : "stampede_";
  return name + std::to_string(static_cast<int>(statement));
}

}  // namespace stampede::store::postgres
