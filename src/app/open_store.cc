#include "app/open_store.h"

#include "store/postgres/postgres_store.h"
#include "store/rocksdb/rocksdb_store.h"

namespace stampede::app {
namespace {

constexpr size_t kMiB = 1024 * 1024;

// What the store counted since it was opened, as a counter of ours.
void Follow(obs::Counter& counter, uint64_t value) {
  if (value > counter.value()) counter.Add(value - counter.value());
}

void Export(const store::PostgresStore& store, obs::Metrics& metrics) {
  using Stats = store::PostgresStore::Stats;
  struct Exported {
    const char *name, *help;
    uint64_t Stats::* value;
  };
  static constexpr Exported kExported[] = {
      {"stampede_store_commits_total", "Batches committed", &Stats::commits},
      {"stampede_store_conflicts_total", "Batches refused by an expectation", &Stats::conflicts},
      {"stampede_store_round_trips_total", "Round trips to the database", &Stats::round_trips},
      {"stampede_store_retries_total", "Tries after the first", &Stats::retries},
      {"stampede_store_connects_total", "Connections opened", &Stats::connects},
      {"stampede_store_resolved_total", "Commits whose lost answer was found out",
       &Stats::resolved}};
  std::vector<obs::Counter*> counters;
  for (const Exported& exported : kExported) {
    counters.push_back(&metrics.AddCounter(exported.name, exported.help));
  }
  metrics.AddCollector([&store, counters] {
    const Stats stats = store.stats();
    for (size_t i = 0; i < counters.size(); ++i) Follow(*counters[i], stats.*kExported[i].value);
  });
}

}  // namespace

OpenedStore OpenStore(const Config& config, obs::Metrics& metrics) {
  OpenedStore opened;
  if (config.database.empty()) {
    opened.store =
        store::OpenRocksDb({.path = config.data + "/store",
                            .block_cache_bytes = static_cast<size_t>(config.block_cache_mb) * kMiB,
                            .memtable_bytes = static_cast<size_t>(config.write_buffer_mb) * kMiB});
    opened.stale = opened.store.get();
    return opened;
  }
  auto postgres = store::OpenPostgres({.database = config.database,
                                       .replica = config.database_replica,
                                       .connections = static_cast<size_t>(config.database_pool)});
  Export(*postgres, metrics);
  opened.stale = &postgres->stale_reads();
  opened.store = std::move(postgres);
  return opened;
}

}  // namespace stampede::app
