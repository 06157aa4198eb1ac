#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "base/error.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/testing/citus_cluster.h"
#include "store/postgres/testing/commit_load.h"

// The store on a coordinator and two workers of Citus. Skipped where Citus is not installed.
namespace stampede::store::testing {
namespace {

class CitusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!CitusIsInstalled()) GTEST_SKIP() << kNoCitus;
  }
};

// What the coordinator sent to workers for the calls of one test, from its log.
class Traced {
 public:
  explicit Traced(CitusCluster& citus)
      : citus_(citus),
        store_(OpenPostgres({.database = citus.EmptyDatabase() +
                                         " options='-c citus.log_remote_commands=on "
                                         "-c log_min_messages=notice -c client_min_messages=error'",
                             .connections = 1})) {}

  Store& store() { return *store_; }

  struct Sent {
    std::string sql;
    std::string port;
    bool Has(const std::string& text) const { return sql.find(text) != std::string::npos; }
  };
  // Since the last time.
  std::vector<Sent> Take() {
    std::vector<Sent> sent;
    std::istringstream lines(citus_.coordinator().Log().substr(seen_));
    seen_ = citus_.coordinator().Log().size();
    for (std::string line; std::getline(lines, line);) {
      size_t at = line.find("issuing ");
      if (at != std::string::npos) sent.push_back({line.substr(at + 8), ""});
      at = line.find("on server ");
      size_t end = line.find(" connectionId");
      if (at != std::string::npos && end != std::string::npos && !sent.empty()) {
        sent.back().port = line.substr(at, end - at);
      }
    }
    return sent;
  }

 private:
  CitusCluster& citus_;
  std::unique_ptr<PostgresStore> store_;
  size_t seen_ = 0;
};

size_t CountOf(const std::vector<Traced::Sent>& sent, const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(sent, [&](auto& one) { return one.Has(text); }));
}

std::set<std::string> PortsOf(const std::vector<Traced::Sent>& sent) {
  std::set<std::string> ports;
  for (const auto& one : sent) ports.insert(one.port);
  return ports;
}

std::set<std::string> ShardsOf(const std::vector<Traced::Sent>& sent) {
  static const std::regex kShard("(kv|kv_queue|commit_lanes)_[0-9]+");
  std::set<std::string> shards;
  for (const auto& one : sent) {
    std::smatch match;
    if (std::regex_search(one.sql, match, kShard)) shards.insert(match.str());
  }
  return shards;
}

// A partition whose rows are not where those of partition 7 are.
unsigned Elsewhere() {
  unsigned partition = 8;
  while (SharedCitus().WorkerOf(partition) == SharedCitus().WorkerOf(7)) ++partition;
  return partition;
}

Batch EverythingIn(unsigned partition) {
  Batch batch;
  batch.ExpectAbsent(RecordKey(1, partition));
  batch.Put(RecordKey(1, partition), "one");
  batch.Put(QueueKey(1, partition), "job");
  batch.Add(IndexKey(1, partition), 1);
  batch.Erase(IndexKey(2, partition));
  batch.EraseRange({RecordKey(10, partition), RecordKey(20, partition)});
  return batch;
}

TEST_F(CitusTest, InitDistributesTheTablesSoThatAPartitionIsOnOneNode) {
  EXPECT_NE(SharedCitus().init_report().find("table commit_lanes: distributed"), std::string::npos);
  EXPECT_NE(InitPostgres(SharedCitus().database()).find("table kv: was distributed"),
            std::string::npos);
  PostgresServer& coordinator = SharedCitus().coordinator();
  EXPECT_EQ(coordinator.Sql("SELECT string_agg(table_name || ' ' || citus_table_type || ' ' || "
                            "distribution_column || ' ' || shard_count, ', ' ORDER BY "
                            "table_name::text) FROM citus_tables"),
            "commit_lanes distributed part 128, kv distributed part 128, "
            "kv_queue distributed part 128");
  EXPECT_EQ(coordinator.Sql("SELECT count(DISTINCT colocation_id) FROM citus_tables"), "1");
  EXPECT_EQ(coordinator.Sql("SELECT count(DISTINCT nodeport) FROM citus_shards"), "2");
}

TEST_F(CitusTest, ABatchOfOnePartitionGoesToOneShardOfOneNodeWithoutTwoPhases) {
  Traced traced(SharedCitus());
  traced.Take();
  ASSERT_TRUE(traced.store().Commit(EverythingIn(7)));
  auto sent = traced.Take();
  EXPECT_EQ(PortsOf(sent).size(), 1u);
  EXPECT_EQ(CountOf(sent, "BEGIN TRANSACTION"), 1u);
  EXPECT_EQ(sent.back().sql, "COMMIT");
  EXPECT_EQ(CountOf(sent, "PREPARE TRANSACTION"), 0u);
  EXPECT_EQ(ShardsOf(sent).size(), 3u);  // of three tables, one each
}

TEST_F(CitusTest, ABatchOverTwoNodesIsPreparedOnBothAndThenCommitted) {
  Traced traced(SharedCitus());
  Batch batch = EverythingIn(7);
  batch.Put(RecordKey(1, Elsewhere()), "two");
  traced.Take();
  ASSERT_TRUE(traced.store().Commit(batch));
  auto sent = traced.Take();
  EXPECT_EQ(PortsOf(sent).size(), 2u);
  EXPECT_EQ(CountOf(sent, "PREPARE TRANSACTION"), 2u);
  EXPECT_EQ(CountOf(sent, "COMMIT PREPARED"), 2u);
}

TEST_F(CitusTest, AReadAsksOnlyTheShardsOfItsPartitions) {
  Traced traced(SharedCitus());
  ASSERT_TRUE(traced.store().Commit(EverythingIn(7)));
  traced.Take();
  EXPECT_EQ(traced.store().Get(RecordKey(1)), "one");
  EXPECT_EQ(CountOf(traced.Take(), "SELECT"), 1u);
  const unsigned other = Elsewhere();
  auto values = traced.store().MultiGet(
      std::vector<std::string>{RecordKey(1), RecordKey(2), RecordKey(1, other)});
  EXPECT_EQ(values[0], "one");
  EXPECT_EQ(CountOf(traced.Take(), "SELECT"), 2u);
  KeyRange range = KeyRange::Prefix(Key(Partition(7), kRecordTable).str());
  EXPECT_EQ(traced.store().Scan({range, 10}).size(), 1u);
  EXPECT_EQ(CountOf(traced.Take(), "SELECT"), 1u);
}

// The coordinator may lose a node in the middle of its COMMIT, and then cannot tell whether it is
// in: the store finds out. With one node and with two.
class CitusFaults : public CitusTest {
 protected:
  // Halves on two nodes, or on one.
  static Batch ActionOn(uint64_t n, unsigned left, unsigned right) {
    Batch batch;
    batch.ExpectAbsent(RecordKey(n, left));
    batch.Put(RecordKey(n, left), std::to_string(n));
    batch.Put(IndexKey(n, right), "");
    batch.Add(RecordKey(0, left), 1);
    return batch;
  }

  // Cuts the coordinator off from the node of `left` at many points of such a commit.
  static void CutEverywhere(unsigned left, unsigned right) {
    CitusCluster& citus = SharedCitus();
    CuttingProxy& proxy = citus.proxy(citus.WorkerOf(left));
    auto store = OpenPostgres({.database = citus.EmptyDatabase(), .connections = 1});
    auto direct = OpenPostgres({.database = citus.database(), .connections = 1});
    using Way = CuttingProxy::Way;
    size_t bytes[2];
    uint64_t n = 1;
    ASSERT_TRUE(store->Commit(ActionOn(n, left, right)));  // the connections are open
    for (Way way : {Way::kToServer, Way::kToClient}) bytes[size_t(way)] = proxy.forwarded(way);
    ASSERT_TRUE(store->Commit(ActionOn(++n, left, right)));
    size_t unfinished = 0;
    for (Way way : {Way::kToServer, Way::kToClient}) {
      bytes[size_t(way)] = proxy.forwarded(way) - bytes[size_t(way)];
      ASSERT_GT(bytes[size_t(way)], 100u);
      // Most of them near the end, where COMMIT is.
      for (size_t at = 0; at <= bytes[size_t(way)];
           at += at + 400 > bytes[size_t(way)] ? 11 : 211) {
        proxy.CutAfter(way, at);
        try {
          ASSERT_TRUE(store->Commit(ActionOn(++n, left, right))) << "cut at " << at;
        } catch (const Error& error) {
          ASSERT_EQ(error.code(), ErrorCode::kUnavailable);
          ++unfinished;  // prepared on the node, and the others know that it is to be
        }
        proxy.Disarm();
        const auto count = [&] { return DecodeCounter(direct->Get(RecordKey(0, left))); };
        ASSERT_TRUE(Eventually([&] { return count() == static_cast<int64_t>(n); }))
            << count() << " of " << n << ", cut at " << at << ", unfinished " << unfinished;
      }
    }
    EXPECT_EQ(NumbersIn(*direct, kIndexTable, right).size(), n);
    EXPECT_EQ(NumbersIn(*direct, kRecordTable, left).size(), n + 1);  // and the counter
    EXPECT_GT(store->stats().resolved, 0u);
    if (citus.WorkerOf(left) == citus.WorkerOf(right)) {
      EXPECT_EQ(unfinished, 0u);
    } else {
      EXPECT_GT(unfinished, 0u);
    }
  }
};

TEST_F(CitusFaults, ACommitOnOneNodeThatIsCutOffAnywhereIsAppliedExactlyOnce) {
  CutEverywhere(7, 7);
}

TEST_F(CitusFaults, ACommitOnTwoNodesOfWhichOneIsCutOffAnywhereIsAppliedExactlyOnce) {
  CutEverywhere(7, Elsewhere());
}

TEST_F(CitusFaults, NodesKilledUnderLoadLoseAndDoubleNothing) {
  CitusCluster citus(PostgresServer::Disk::kSync);
  auto store = OpenPostgres({.database = citus.database(), .connections = 6, .timeout_ms = 30'000});
  CommitLoad load(*store);
  for (PostgresServer* server : {&citus.worker(0), &citus.worker(1), &citus.coordinator()}) {
    load.WaitForMore(50);
    server->Kill();
    server->Start();
  }
  load.WaitForMore(50);
  load.Stop();
  // What was prepared is not seen before it is finished.
  EXPECT_TRUE(Eventually([&] {
    return citus.worker(0).Sql("SELECT count(*) FROM pg_prepared_xacts") == "0" &&
           citus.worker(1).Sql("SELECT count(*) FROM pg_prepared_xacts") == "0";
  }));
  load.ExpectAllIn(*store);
}

TEST_F(CitusFaults, WhatIsOnADeadNodeIsRefusedAndTheRestGoesOn) {
  CitusCluster citus;
  auto store = OpenPostgres({.database = citus.database(), .connections = 2, .timeout_ms = 500});
  unsigned other = 8;
  while (citus.WorkerOf(other) == citus.WorkerOf(7)) ++other;
  auto put = [&](unsigned partition) {
    Batch batch;
    batch.Put(RecordKey(1, partition), "one");
    return store->Commit(batch);
  };
  ASSERT_TRUE(put(7) && put(other));
  PostgresServer& dead = citus.worker(citus.WorkerOf(7));
  dead.Kill();
  auto refused = [&](auto call) {
    try {
      call();
      return false;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      return true;
    }
  };
  // Its processes outlive it for a moment.
  EXPECT_TRUE(Eventually([&] { return refused([&] { store->Get(RecordKey(1)); }); }));
  EXPECT_TRUE(refused([&] { put(7); }));
  EXPECT_EQ(store->Get(RecordKey(1, other)), "one");
  EXPECT_TRUE(put(other));
  dead.Start();
  EXPECT_TRUE(Eventually([&] { return !refused([&] { put(7); }); }));
}

}  // namespace
}  // namespace stampede::store::testing
