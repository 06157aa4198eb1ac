#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/testing/commit_load.h"
#include "store/postgres/testing/cutting_proxy.h"
#include "store/postgres/testing/postgres_server.h"
#include "store/test_actions.h"

// What becomes of commits when connections and servers die under them.
namespace stampede::store::testing {
namespace {

TEST(PostgresFaults, ACommitWhoseConnectionIsCutAnywhereIsAppliedExactlyOnce) {
  PostgresServer& server = SharedPostgres();
  CuttingProxy proxy(server.port());
  std::string own = server.FreshDatabase();
  auto direct = OpenPostgres({.database = own});
  auto store =
      OpenPostgres({.database = own + " port=" + std::to_string(proxy.port()), .connections = 1});
  using Way = CuttingProxy::Way;
  size_t bytes[2];
  for (Way way : {Way::kToServer, Way::kToClient}) bytes[size_t(way)] = proxy.forwarded(way);
  ASSERT_TRUE(store->Commit(ActionOf(0)));
  for (Way way : {Way::kToServer, Way::kToClient}) {
    bytes[size_t(way)] = proxy.forwarded(way) - bytes[size_t(way)];
    ASSERT_GT(bytes[size_t(way)], 100u);
  }
  uint64_t n = 0;
  int cut = 0;
  for (Way way : {Way::kToServer, Way::kToClient}) {
    // At every byte near the ends, where BEGIN and COMMIT are, and at some between.
    for (size_t at = 0; at <= bytes[size_t(way)];
         at += at < 20 || at + 80 > bytes[size_t(way)] ? 1 : 41) {
      proxy.CutAfter(way, at);
      ASSERT_TRUE(store->Commit(ActionOf(++n))) << "cut at " << at;
      cut += proxy.armed() ? 0 : 1;
      proxy.Disarm();
      ASSERT_EQ(DecodeCounter(direct->Get(kCount)), static_cast<int64_t>(n + 1)) << "cut at " << at;
    }
  }
  EXPECT_GT(cut, 150);
  EXPECT_EQ(WholeActions(*direct).size(), n + 1);
  PostgresStore::Stats stats = store->stats();
  EXPECT_GT(stats.resolved, 100u);
  // Some were in, the others were sent again.
  EXPECT_GT(stats.retries, 20u);
  EXPECT_LT(stats.retries, stats.resolved);
}

TEST(PostgresFaults, RefusedExpectationsStayRefusedWhenConnectionsAreCut) {
  PostgresServer& server = SharedPostgres();
  CuttingProxy proxy(server.port());
  std::string own = server.FreshDatabase();
  auto store =
      OpenPostgres({.database = own + " port=" + std::to_string(proxy.port()), .connections = 1});
  ASSERT_TRUE(store->Commit(ActionOf(1)));
  for (size_t at = 0; at < 1200; at += 37) {
    proxy.CutAfter(at % 2 == 0 ? CuttingProxy::Way::kToServer : CuttingProxy::Way::kToClient, at);
    ASSERT_FALSE(store->Commit(ActionOf(1)));
    ASSERT_EQ(store->Get(RecordKey(2, kLeft)), std::nullopt);
  }
  proxy.Disarm();
  EXPECT_EQ(WholeActions(*store), (std::set<uint64_t>{1}));
}

TEST(PostgresFaults, AServerKilledUnderLoadLosesAndDoublesNothing) {
  PostgresServer server(PostgresServer::Disk::kSync);
  auto store =
      OpenPostgres({.database = server.FreshDatabase(), .connections = 6, .timeout_ms = 30'000});
  CommitLoad load(*store);
  for (int round = 0; round < 4; ++round) {
    load.WaitForMore(50);
    server.Kill();
    server.Start();
  }
  load.WaitForMore(50);
  load.Stop();
  load.ExpectAllIn(*store);
}

TEST(PostgresFaults, AfterAFailoverEverythingAcknowledgedIsOnTheStandby) {
  PostgresServer primary;
  std::string own = primary.FreshDatabase();
  auto standby = PostgresServer::StandbyOf(primary);
  primary.Sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
  primary.Sql("SELECT pg_reload_conf()");
  ASSERT_TRUE(Eventually([&] {
    return primary.Sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1";
  }));
  std::string ports = std::to_string(primary.port()) + "," + std::to_string(standby->port());
  std::string schema = own.substr(own.find("options="));
  std::string both =
      "host=127.0.0.1,127.0.0.1 port=" + ports + " user=stampede dbname=postgres " + schema;
  auto store = OpenPostgres({.database = both,
                             .replica = standby->database() + " " + schema,
                             .connections = 6,
                             .timeout_ms = 30'000});
  CommitLoad load(*store);
  load.WaitForMore(100);
  // What the standby has, though maybe a little late.
  EXPECT_TRUE(
      Eventually([&] { return store->stale_reads().Get(RecordKey(1, kLeft)).has_value(); }));
  primary.Kill();
  standby->Promote();
  load.WaitForMore(100);
  load.Stop();
  load.ExpectAllIn(*store);
}

TEST(PostgresFaults, ADatabaseThatStaysAwayIsRefusedQuicklyAndFoundAgain) {
  PostgresServer server;
  auto store =
      OpenPostgres({.database = server.FreshDatabase(), .connections = 2, .timeout_ms = 500});
  ASSERT_TRUE(store->Commit(ActionOf(1)));
  server.Kill();
  auto refused = [&] {
    try {
      store->Get(RecordKey(1, kLeft));
      return false;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      return true;
    }
  };
  EXPECT_TRUE(Eventually(refused));  // its processes outlive it for a moment
  EXPECT_TRUE(refused());
  server.Start();
  EXPECT_TRUE(Eventually([&] { return !refused(); }));
  EXPECT_EQ(WholeActions(*store), (std::set<uint64_t>{1}));
}

}  // namespace
}  // namespace stampede::store::testing
