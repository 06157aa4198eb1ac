#include "bench/graph_world.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "store/memory/memory_store.h"

namespace stampede::bench {
namespace {

std::map<std::string, std::string> Dump(store::Store& store) {
  std::map<std::string, std::string> rows;
  for (const store::Table* table : store::AllTables()) {
    for (unsigned partition = 0; partition < kPartitionCount; ++partition) {
      std::string prefix = store::Key(static_cast<Partition>(partition), *table);
      for (store::Row& row :
           store.Scan({.range = store::KeyRange::Prefix(prefix), .limit = limits::kScanRowsMax})) {
        rows.emplace(std::move(row.key), std::move(row.value));
      }
    }
  }
  return rows;
}

class GraphWorldTest : public ::testing::Test {
 protected:
  GraphWorldTest() : path_(std::filesystem::temp_directory_path() / "stampede-graph-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~GraphWorldTest() override { std::filesystem::remove_all(path_); }

  const GraphWorldOptions options_ = {
      .graph = {.seed = 5, .accounts = 300, .follows = 12, .fan_out = 30}, .posts = 500};
  std::string path_;
  ManualClock clock_;
};

TEST_F(GraphWorldTest, BulkLoadingWritesTheRowsThatTheLoaderWrites) {
  GraphWorld world(options_, clock_.NowMs());
  store::MemoryStore by_loader;
  Site site;
  site.base_url = "http://localhost";
  Loader loader(by_loader, site);
  world.AddPeople(loader);
  std::vector<uint32_t> follows;
  for (uint32_t reader = 0; reader < world.graph().accounts(); ++reader) {
    world.graph().Follows(reader, follows);
    for (uint32_t nth = 0; nth < follows.size(); ++nth) {
      loader.AddFollow(world.account(reader), world.account(follows[nth]),
                       world.follow(reader, nth));
    }
  }
  loader.Finish();
  auto in_bulk = store::OpenRocksDb({.path = path_ + "/store"});
  world.BulkLoad(*in_bulk);
  auto expected = Dump(by_loader), loaded = Dump(*in_bulk);
  EXPECT_GT(expected.size(), 3 * world.graph().edges());
  EXPECT_EQ(expected.size(), loaded.size());
  EXPECT_TRUE(expected == loaded);
}

TEST_F(GraphWorldTest, ALoadedDirectoryIsUsedAgainUntilTheOptionsChange) {
  auto first = GraphWorld::OpenOrLoad(path_ + "/data", options_, clock_);
  clock_.AdvanceMs(5'000);
  auto again = GraphWorld::OpenOrLoad(path_ + "/data", options_, clock_);
  EXPECT_EQ(first->loaded_ms(), again->loaded_ms());
  EXPECT_EQ(first->token(17), again->token(17));
  GraphWorldOptions other = options_;
  other.posts = 100;
  EXPECT_NE(GraphWorld::OpenOrLoad(path_ + "/data", other, clock_)->loaded_ms(),
            first->loaded_ms());
  std::filesystem::create_directories(path_ + "/precious/data");
  EXPECT_THROW(GraphWorld::OpenOrLoad(path_ + "/precious", options_, clock_),
               std::invalid_argument);
}

}  // namespace
}  // namespace stampede::bench
