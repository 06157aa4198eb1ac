#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "bench/graph.h"
#include "bench/loader.h"
#include "store/rocksdb/rocksdb_store.h"

namespace stampede::bench {

struct GraphWorldOptions {
  GraphOptions graph;
  uint32_t posts = 0;  // written before; authors as the graph draws them
};

// A graph as it is in a store: accounts with tokens, posts and follows, whose ids, names and tokens
// are functions of the position in the graph and the hour of loading. Immutable, thread-safe.
class GraphWorld {
 public:
  GraphWorld(const GraphWorldOptions& options, int64_t loaded_ms);

  // The world in a server's data directory. If it was loaded with the same options, it is used
  // again, with whatever was posted since; else it is loaded anew, and what was there is removed.
  // Takes about 5 µs an edge and 20 µs an account and a post, on two cores.
  static std::unique_ptr<GraphWorld> OpenOrLoad(const std::string& data_dir,
                                                const GraphWorldOptions& options, Clock& clock);

  // While the follows in the store are others than the world's; it would be loaded anew.
  static void MarkChanged(const std::string& data_dir);
  void MarkLoaded(const std::string& data_dir) const;

  const Graph& graph() const { return graph_; }
  int64_t loaded_ms() const { return loaded_ms_; }
  AccountId account(uint32_t position) const;
  std::string username(uint32_t position) const { return "member" + std::to_string(position); }
  std::string token(uint32_t position) const;
  // Of the nth follow of Graph::Follows.
  RelationId follow(uint32_t reader, uint32_t nth) const {
    return FollowOfEdge(reader * graph_.follows_each() + nth);
  }

  // Adds everything but the follows.
  void AddPeople(Loader& loader) const;
  // The same records as AddPeople and Loader::AddFollow write, into an empty store.
  void BulkLoad(store::RocksDbStore& store) const;

 private:
  class Bulk;
  RelationId FollowOfEdge(uint32_t edge) const;

  GraphWorldOptions options_;
  Graph graph_;
  int64_t loaded_ms_;
};

}  // namespace stampede::bench
