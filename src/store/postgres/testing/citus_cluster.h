#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/postgres/testing/cutting_proxy.h"
#include "store/postgres/testing/postgres_server.h"

// Citus on loopback for tests: a coordinator and two workers. Debian has no package of it, so tests
// ask CitusIsInstalled() first and are skipped where it is not.
namespace stampede::store::testing {

constexpr const char* kNoCitus =
    "the installed PostgreSQL has no extension citus (pg_available_extensions)";

inline bool CitusIsInstalled() {
  static const bool installed = SharedPostgres().Sql(
                                    "SELECT count(*) FROM pg_available_extensions "
                                    "WHERE name = 'citus'") == "1";
  return installed;
}

class CitusCluster {
 public:
  explicit CitusCluster(PostgresServer::Disk disk = PostgresServer::Disk::kForget)
      : coordinator_(disk, Settings()) {
    for (int i = 0; i < 2; ++i) {
      workers_.push_back(std::make_unique<PostgresServer>(disk, Settings()));
      proxies_.push_back(std::make_unique<CuttingProxy>(workers_[i]->port()));
      workers_[i]->Sql("CREATE EXTENSION citus");
    }
    coordinator_.Sql("CREATE EXTENSION citus");
    coordinator_.Sql("SELECT citus_set_coordinator_host(" + Address(coordinator_.port()) + ")");
    for (const auto& proxy : proxies_) {
      coordinator_.Sql("SELECT citus_add_node(" + Address(proxy->port()) + ")");
    }
    init_report_ = InitPostgres(database());
  }

  PostgresServer& coordinator() { return coordinator_; }
  PostgresServer& worker(size_t i) { return *workers_[i]; }
  // Between the coordinator and that worker.
  CuttingProxy& proxy(size_t i) { return *proxies_[i]; }
  std::string database() const { return coordinator_.database(); }
  // What InitPostgres said.
  const std::string& init_report() const { return init_report_; }

  // There is one set of tables, because distributing them takes seconds.
  std::string EmptyDatabase() {
    coordinator_.Sql("TRUNCATE kv, kv_queue, commit_lanes");
    return database();
  }
  // On which worker the rows of a partition are.
  size_t WorkerOf(unsigned partition) const {
    std::string port = coordinator_.Sql(
        "SELECT nodeport FROM citus_shards WHERE shardid = "
        "get_shard_id_for_distribution_column('kv', " +
        std::to_string(partition) + ")");
    return port == std::to_string(proxies_[0]->port()) ? 0 : 1;
  }

 private:
  static std::vector<std::string> Settings() {
    return {"shared_preload_libraries = 'citus'", "max_prepared_transactions = 60",
            "wal_level = logical", "citus.node_conninfo = 'sslmode=disable'",
            // What a dead worker left half done is finished when it is back.
            "citus.recover_2pc_interval = '1s'"};
  }
  static std::string Address(uint16_t port) { return "'127.0.0.1', " + std::to_string(port); }

  PostgresServer coordinator_;
  std::vector<std::unique_ptr<PostgresServer>> workers_;
  std::vector<std::unique_ptr<CuttingProxy>> proxies_;
  std::string init_report_;
};

// The cluster that the ordinary tests of a program share; started by the first of them.
inline CitusCluster& SharedCitus() {
  static CitusCluster cluster;
  return cluster;
}

}  // namespace stampede::store::testing
