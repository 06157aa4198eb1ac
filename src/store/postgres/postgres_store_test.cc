#include "store/postgres/postgres_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "codec/hex.h"
#include "store/postgres/connection.h"
#include "store/postgres/pool.h"
#include "store/postgres/statements.h"
#include "store/postgres/testing/postgres_server.h"

namespace stampede::store::testing {
namespace {

// What `call` threw as an Error; fails the test when it did not.
template <class Call>
ErrorCode CodeOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "must throw";
  return ErrorCode::kBadRequest;
}

Batch Putting(const std::string& key, const std::string& value) {
  Batch batch;
  batch.Put(key, value);
  return batch;
}

// A session of an operator, in the schema of a store under test.
class OtherSession {
 public:
  explicit OtherSession(const std::string& database)
      : conn_(PQconnectdb(database.c_str()), &PQfinish) {}
  void Run(const std::string& sql) {
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(conn_.get(), sql.c_str()),
                                                         &PQclear);
    ExecStatusType status = PQresultStatus(result.get());
    ASSERT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << sql << ": " << PQerrorMessage(conn_.get());
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

class PostgresStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<PostgresStore> Open(int timeout_ms = 8'000, size_t connections = 4) {
    return OpenPostgres(
        {.database = database, .connections = connections, .timeout_ms = timeout_ms});
  }

  const std::string database = SharedPostgres().FreshDatabase();
};

TEST_F(PostgresStoreTest, EveryCallIsOneRoundTripWhateverItTouches) {
  auto store = Open();
  uint64_t trips = store->stats().round_trips;
  auto took = [&] {
    return store->stats().round_trips - std::exchange(trips, store->stats().round_trips);
  };
  Batch batch;
  for (unsigned i = 0; i < 200; ++i) {
    batch.ExpectAbsent(RecordKey(i, i));
    batch.Put(RecordKey(i, i), "record");
    batch.Put(QueueKey(i, i), "job");
    batch.Add(RecordKey(1000 + i, i), 1);
  }
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_EQ(took(), 1u);
  EXPECT_FALSE(store->Commit(batch));
  EXPECT_EQ(took(), 1u);
  EXPECT_TRUE(store->Commit(Putting(RecordKey(5000), "after a refusal")));
  EXPECT_EQ(took(), 1u);
  std::vector<std::string> keys;
  std::vector<ScanRequest> scans;
  for (unsigned i = 0; i < 1000; ++i) {
    keys.push_back(i % 2 == 0 ? RecordKey(i, i) : QueueKey(i, i));
    scans.push_back({KeyRange::Prefix(Key(Partition(i), kRecordTable).str()), 10});
  }
  auto values = store->MultiGet(keys);
  EXPECT_EQ(took(), 1u);
  EXPECT_EQ(values[198], "record");
  EXPECT_EQ(values[199], "job");
  EXPECT_EQ(values[200], std::nullopt);
  auto rows = store->MultiScan(scans);
  EXPECT_EQ(took(), 1u);
  EXPECT_EQ(rows[199].size(), 2u);
  EXPECT_EQ(rows[200].size(), 0u);
  EXPECT_EQ(store->stats().retries, 0u);
}

TEST_F(PostgresStoreTest, CountersWrapPastTheEndsOf64Bits) {
  auto store = Open();
  for (auto [start, delta] : {std::pair{INT64_MAX, int64_t{1}},
                              {INT64_MAX, INT64_MAX},
                              {INT64_MIN, int64_t{-1}},
                              {INT64_MIN, INT64_MIN},
                              {int64_t{-5}, INT64_MIN},
                              {int64_t{5}, INT64_MIN},
                              {int64_t{-1}, INT64_MAX}}) {
    ASSERT_TRUE(store->Commit(Putting(RecordKey(1), EncodeCounter(start))));
    Batch batch;
    batch.Add(RecordKey(1), delta);
    ASSERT_TRUE(store->Commit(batch));
    EXPECT_EQ(DecodeCounter(store->Get(RecordKey(1))), AddWrapping(start, delta));
  }
}

// As on Citus, where nearly every plan is made for the parameters of the call.
TEST_F(PostgresStoreTest, CountersAddUpAlsoWhenTheParametersAreKnownToThePlanner) {
  auto store = Open();
  OtherSession other(database);
  other.Run("SET plan_cache_mode = force_custom_plan");
  other.Run("PREPARE addition AS " +
            postgres::SqlOf(postgres::Statement::kAdd, postgres::SqlTable::kKv));
  int64_t sum = 0;
  for (int64_t delta : {int64_t{1}, int64_t{-1}, INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX}) {
    other.Run("EXECUTE addition (7, '\\x" + codec::HexEncode(RecordKey(1)) + "', '" +
              std::to_string(delta) + "')");
    sum = AddWrapping(sum, delta);
    EXPECT_EQ(DecodeCounter(store->Get(RecordKey(1))), sum);
  }
}

TEST_F(PostgresStoreTest, ManyProcessesSeeEachOthersCommits) {
  auto one = Open(), two = Open();
  EXPECT_TRUE(one->Commit(Putting(RecordKey(1), "of one")));
  EXPECT_EQ(two->Get(RecordKey(1)), "of one");
  Batch batch;
  batch.ExpectAbsent(RecordKey(1));
  EXPECT_FALSE(two->Commit(batch));
}

TEST_F(PostgresStoreTest, BatchesOverTheSameKeysNeverWaitInACircle) {
  auto store = Open(8'000, 8);
  constexpr int kThreads = 8, kRounds = 40;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      SeededRandom random(static_cast<uint64_t>(thread));
      for (int round = 0; round < kRounds; ++round) {
        Batch batch;
        batch.Relax();
        uint64_t first = random.Below(10);
        for (uint64_t i = 0; i < 10; ++i) {  // in another order every time
          uint64_t n = (first + 3 * i) % 10;
          switch (random.Below(4)) {
            case 0:
              batch.Put(IndexKey(n), "x");
              break;
            case 1:
              batch.Erase(IndexKey(n));
              break;
            case 2:
              batch.Erase(QueueKey(n));
              batch.Put(IndexKey(n), "y");
              break;
            default:
              break;
          }
          batch.Add(RecordKey(n), 1);
        }
        EXPECT_TRUE(store->Commit(batch));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (uint64_t n = 0; n < 10; ++n) {
    EXPECT_EQ(DecodeCounter(store->Get(RecordKey(n))), kThreads * kRounds);
  }
  EXPECT_EQ(store->stats().retries, 0u);  // a deadlock would have been tried again
}

TEST_F(PostgresStoreTest, WhoWaitsTooLongForALockIsRefusedAndChangedNothing) {
  auto store = Open(400, 1);
  ASSERT_TRUE(store->Commit(Putting(RecordKey(1), "one")));
  OtherSession other(database);
  other.Run("BEGIN; SELECT FROM kv FOR UPDATE");
  Batch batch = Putting(RecordKey(1), "two");
  batch.Put(RecordKey(2), "two");
  EXPECT_EQ(CodeOf([&] { store->Commit(batch); }), ErrorCode::kUnavailable);
  other.Run("ROLLBACK");
  EXPECT_EQ(store->Get(RecordKey(1)), "one");
  EXPECT_EQ(store->Get(RecordKey(2)), std::nullopt);
  EXPECT_TRUE(store->Commit(batch));
}

TEST_F(PostgresStoreTest, WhoGetsNoConnectionInTimeIsRefused) {
  postgres::Pool pool(database, 1, 8'000);
  auto in_ms = [](int64_t ms) { return postgres::NowUs() + 1000 * ms; };
  {
    postgres::Pool::Lease only = pool.Borrow(in_ms(1'000));
    EXPECT_TRUE(only.connection(in_ms(8'000)).Answers(in_ms(8'000)));
    EXPECT_EQ(CodeOf([&] { pool.Borrow(in_ms(50)); }), ErrorCode::kUnavailable);
  }
  EXPECT_TRUE(pool.Borrow(in_ms(50)).connection(in_ms(8'000)).open());
  EXPECT_EQ(pool.connects(), 1u);
}

// The trigger fails as many writes as the sequence says; sequences are not rolled back.
TEST_F(PostgresStoreTest, AServerInTroubleIsTriedAgainAndThenRefused) {
  auto store = Open(1'500);
  OtherSession operator_session(database);
  operator_session.Run(
      "CREATE SEQUENCE troubles MINVALUE -1000000 START 1;"
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      "  IF nextval('troubles') < 3 THEN RAISE EXCEPTION 'no space' USING ERRCODE = '53100';"
      "  END IF; RETURN new; END $$;"
      "CREATE TRIGGER full_disk BEFORE INSERT ON kv_queue FOR EACH ROW EXECUTE FUNCTION "
      "full_disk()");
  Batch batch;
  batch.Add(RecordKey(1), 1);
  batch.Put(QueueKey(1), "job");
  EXPECT_TRUE(store->Commit(batch));
  EXPECT_EQ(DecodeCounter(store->Get(RecordKey(1))), 1);
  EXPECT_EQ(store->stats().retries, 2u);
  operator_session.Run("SELECT setval('troubles', -1000000)");
  EXPECT_EQ(CodeOf([&] { store->Commit(batch); }), ErrorCode::kUnavailable);
  EXPECT_EQ(DecodeCounter(store->Get(RecordKey(1))), 1);
}

TEST_F(PostgresStoreTest, ConnectionsThatTheServerEndedAreReplacedUnnoticed) {
  auto store = Open(8'000, 1);
  ASSERT_TRUE(store->Commit(Putting(RecordKey(1), "one")));
  for (int i = 0; i < 3; ++i) {
    SharedPostgres().Sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'stampede'");
    EXPECT_EQ(store->Get(RecordKey(1)), "one");
    EXPECT_TRUE(store->Commit(Putting(RecordKey(2), std::to_string(i))));
  }
}

TEST_F(PostgresStoreTest, AReadOnlyServerIsLeftUntilThereIsAWritableOne) {
  auto store = Open(5'000);
  ASSERT_TRUE(store->Commit(Putting(RecordKey(1), "one")));
  auto set_read_only = [&](const char* value) {
    SharedPostgres().Sql("ALTER SYSTEM SET default_transaction_read_only = " + std::string(value));
    SharedPostgres().Sql("SELECT pg_reload_conf()");
    EXPECT_TRUE(Eventually(
        [&] { return SharedPostgres().Sql("SHOW default_transaction_read_only") == value; }));
  };
  set_read_only("on");
  std::thread healer([&] {
    // It has been noticed once a connection is refused and tried again.
    EXPECT_TRUE(Eventually([&] { return store->stats().retries > 0; }));
    set_read_only("off");
  });
  EXPECT_TRUE(store->Commit(Putting(RecordKey(1), "two")));
  healer.join();
  EXPECT_EQ(store->Get(RecordKey(1)), "two");
}

TEST_F(PostgresStoreTest, TheTablesAreMadeOnceAndMissedWithAClearMessage) {
  SharedPostgres().Sql("CREATE SCHEMA bare");
  std::string bare = SharedPostgres().database() + " options=-csearch_path=bare";
  try {
    OpenPostgres({.database = bare});
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_NE(error.public_text().find("stampede store init"), std::string::npos);
  }
  EXPECT_NE(InitPostgres(bare).find("table kv: created"), std::string::npos);
  EXPECT_TRUE(OpenPostgres({.database = bare})->Commit(Putting(RecordKey(1), "kept")));
  EXPECT_NE(InitPostgres(bare).find("table kv: was there"), std::string::npos);
  EXPECT_EQ(OpenPostgres({.database = bare})->Get(RecordKey(1)), "kept");
}

TEST_F(PostgresStoreTest, ADatabaseThatIsNotThereIsSaidSo) {
  auto open = [](const std::string& database) {
    return CodeOf([&] { OpenPostgres({.database = database, .timeout_ms = 500}); });
  };
  EXPECT_EQ(open("host=127.0.0.1 port=" + std::to_string(FreePort())), ErrorCode::kUnavailable);
  EXPECT_EQ(open(SharedPostgres().database() + " dbname=nonesuch"), ErrorCode::kInternal);
  EXPECT_EQ(open("this is no connection string"), ErrorCode::kInternal);
}

TEST_F(PostgresStoreTest, AFailoverAndDeadServersAreProvidedForUnlessToldOtherwise) {
  std::string plain = postgres::CompleteConnectionString(
      "postgresql://a:5432,b:5433/stampede?connect_timeout=9", "read-write");
  EXPECT_NE(plain.find("host='a,b'"), std::string::npos);
  EXPECT_NE(plain.find("port='5432,5433'"), std::string::npos);
  EXPECT_NE(plain.find("target_session_attrs='read-write'"), std::string::npos);
  EXPECT_NE(plain.find("connect_timeout='9'"), std::string::npos);
  EXPECT_EQ(plain.find("connect_timeout='3'"), std::string::npos);
  EXPECT_NE(plain.find("keepalives_idle"), std::string::npos);
  std::string told = postgres::CompleteConnectionString(
      "host=a target_session_attrs=any password='it\\'s'", "read-write");
  EXPECT_EQ(told.find("read-write"), std::string::npos);
  EXPECT_NE(told.find("password='it\\'s'"), std::string::npos);
}

TEST_F(PostgresStoreTest, WithoutAReplicaStaleReadsAreTheStoreItself) {
  auto store = Open();
  ASSERT_TRUE(store->Commit(Putting(RecordKey(1), "one")));
  EXPECT_EQ(store->stale_reads().Get(RecordKey(1)), "one");
}

TEST_F(PostgresStoreTest, WhileTheReplicaIsAwayTheDatabaseAnswers) {
  auto store = OpenPostgres({.database = database,
                             .replica = "host=127.0.0.1 port=" + std::to_string(FreePort()),
                             .timeout_ms = 300});
  ASSERT_TRUE(store->Commit(Putting(RecordKey(1), "one")));
  EXPECT_EQ(store->stale_reads().Get(RecordKey(1)), "one");
  EXPECT_THROW(store->stale_reads().Commit(Putting(RecordKey(1), "two")), std::logic_error);
}

}  // namespace
}  // namespace stampede::store::testing
