#include "store/rocksdb/rocksdb_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "store/test_actions.h"

namespace stampede::store {
namespace {

namespace fs = std::filesystem;
using testing::ActionOf;
using testing::RecordKey;
using testing::TempDir;
using testing::WholeActions;

std::unique_ptr<RocksDbStore> OpenTiny(const std::string& path) {
  return OpenRocksDb({.path = path, .block_cache_bytes = 256 * 1024, .memtable_bytes = 64 * 1024});
}

// This test program again, as another process that runs one of the DISABLED_ tests below.
class Child {
 public:
  Child(const std::string& test, const std::string& directory) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kAcknowledgeFd);
    std::string filter = "--gtest_filter=RocksDbChild.DISABLED_" + test;
    std::string path = "STAMPEDE_TEST_STORE=" + directory;
    std::string program = fs::read_symlink("/proc/self/exe");
    char all[] = "--gtest_also_run_disabled_tests", brief[] = "--gtest_brief=1";
    char* arguments[] = {program.data(), filter.data(), all, brief, nullptr};
    std::vector<char*> environment = {path.data()};
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.push_back(*variable);
    }
    environment.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environment.data()),
              0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    from_child_ = ends[0];
  }
  ~Child() { close(from_child_); }

  // The next acknowledged number; nullopt once the child is gone and all is read.
  std::optional<uint64_t> Next() {
    uint64_t number = 0;
    if (read(from_child_, &number, sizeof(number)) != sizeof(number)) return std::nullopt;
    return number;
  }
  void Kill() { kill(pid_, SIGKILL); }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return status;
  }

  // In the child.
  static std::string Directory() { return getenv("STAMPEDE_TEST_STORE"); }
  static void Acknowledge(uint64_t number) {
    ASSERT_EQ(write(kAcknowledgeFd, &number, sizeof(number)), ssize_t{sizeof(number)});
  }

 private:
  static constexpr int kAcknowledgeFd = 100;
  pid_t pid_ = 0;
  int from_child_ = -1;
};

TEST(RocksDbStore, WhatWasCommittedIsThereAfterReopening) {
  TempDir directory;
  for (uint64_t round = 0; round < 3; ++round) {
    auto store = OpenTiny(directory.path() + "/made/on/demand");
    EXPECT_EQ(WholeActions(*store).size(), round * 500);
    for (uint64_t i = 0; i < 500; ++i) {
      Batch batch = ActionOf(round * 500 + i);
      batch.Relax();
      ASSERT_TRUE(store->Commit(batch));
    }
  }
}

TEST(RocksDbChild, DISABLED_CommitsUntilItIsKilled) {
  auto store = OpenTiny(Child::Directory());
  auto present = WholeActions(*store);
  uint64_t start = present.empty() ? 0 : *present.rbegin() + 1;
  std::vector<std::thread> writers;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    writers.emplace_back([&, thread] {
      for (uint64_t n = start + thread;; n += 4) {
        if (!store->Commit(ActionOf(n))) break;
        Child::Acknowledge(n);
      }
    });
  }
  for (auto& writer : writers) writer.join();
}

TEST(RocksDbStore, AKilledProcessLosesNothingAcknowledgedAndLeavesNoHalfAction) {
  TempDir directory;
  std::vector<uint64_t> acknowledged;
  for (int round = 0; round < 4; ++round) {
    Child child("CommitsUntilItIsKilled", directory.path());
    for (int i = 0; i < 300; ++i) {
      auto number = child.Next();
      ASSERT_TRUE(number) << "the child ended early";
      acknowledged.push_back(*number);
    }
    child.Kill();
    while (auto number = child.Next()) acknowledged.push_back(*number);
    child.Wait();

    auto store = OpenTiny(directory.path());
    std::set<uint64_t> present = WholeActions(*store);
    std::ranges::sort(acknowledged);
    EXPECT_TRUE(std::ranges::includes(present, acknowledged));
  }
}

TEST(RocksDbChild, DISABLED_CommitsUntilTheDiskIsFull) {
  auto store = OpenTiny(Child::Directory());
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{20'000, 20'000};  // bytes per file: a write beyond it fails
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  uint64_t n = 0;
  try {
    for (;; ++n) {
      ASSERT_TRUE(store->Commit(ActionOf(n)));
      Child::Acknowledge(n);
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(error.detail(), "");
  }
  EXPECT_GT(n, 10u);
  EXPECT_THROW(store->Commit(ActionOf(n + 1)), Error);
  size_t present = WholeActions(*store).size();  // still readable
  EXPECT_GE(present, n);
  EXPECT_LE(present, n + 1) << "of the one that failed in the disk's hands nothing is known";
}

TEST(RocksDbStore, AFailedWriteIsReportedAndLosesNothingAcknowledged) {
  TempDir directory;
  Child child("CommitsUntilTheDiskIsFull", directory.path());
  std::vector<uint64_t> acknowledged;
  while (auto number = child.Next()) acknowledged.push_back(*number);
  EXPECT_EQ(child.Wait(), 0);
  auto store = OpenTiny(directory.path());
  EXPECT_TRUE(std::ranges::includes(WholeActions(*store), acknowledged));
  EXPECT_TRUE(store->Commit(ActionOf(1'000'000)));
}

TEST(RocksDbStore, ATornLogKeepsAPrefixOfWholeActions) {
  TempDir directory;
  std::string live = directory.path() + "/live", copy = directory.path() + "/copy";
  auto store = OpenRocksDb({.path = live});
  for (uint64_t n = 0; n < 50; ++n) ASSERT_TRUE(store->Commit(ActionOf(n)));
  for (uint64_t cut : {1, 7, 100, 333, 5000}) {
    fs::remove_all(copy);
    fs::copy(live, copy);
    for (const auto& file : fs::directory_iterator(copy)) {
      if (file.path().extension() == ".log" && file.file_size() > 0) {
        fs::resize_file(file.path(), file.file_size() - std::min(cut, file.file_size()));
      }
    }
    auto torn = OpenRocksDb({.path = copy});
    auto present = WholeActions(*torn);
    EXPECT_LT(present.size(), 50u);
    EXPECT_GE(present.size(), 50 - 1 - cut / 250);
    EXPECT_EQ(present.empty() ? 0 : *present.rbegin() + 1, present.size());
  }
}

TEST(RocksDbStore, ASecondProcessIsToldThatTheStoreIsInUse) {
  TempDir directory;
  auto store = OpenTiny(directory.path());
  try {
    OpenTiny(directory.path());
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(error.public_text().find("in use by another process"), std::string::npos);
    EXPECT_NE(error.public_text().find(directory.path()), std::string::npos);
  }
}

TEST(RocksDbStore, ADamagedStoreIsNotOpened) {
  TempDir directory;
  OpenTiny(directory.path())->Commit(ActionOf(1));
  for (const auto& file : fs::directory_iterator(directory.path())) {
    if (file.path().filename().string().starts_with("MANIFEST")) {
      std::fstream manifest(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      manifest.seekp(20);
      manifest << "this is not a manifest";
    }
  }
  try {
    OpenTiny(directory.path());
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_NE(error.public_text().find("damaged"), std::string::npos) << error.public_text();
  }
}

TEST(RocksDbStore, APathThatIsNoDirectoryIsRefusedWithItsReason) {
  TempDir directory;
  std::ofstream(directory.path() + "/file") << "x";
  EXPECT_THROW(OpenTiny(directory.path() + "/file/db"), Error);
}

TEST(RocksDbStore, ConcurrentCommitsShareASync) {
  TempDir directory;
  auto store = OpenRocksDb({.path = directory.path()});
  constexpr uint64_t kThreads = 16, kRounds = 40;
  std::vector<std::thread> writers;
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    writers.emplace_back([&, thread] {
      for (uint64_t i = 0; i < kRounds; ++i) store->Commit(ActionOf(thread * kRounds + i));
    });
  }
  for (auto& writer : writers) writer.join();
  auto stats = store->stats();
  EXPECT_EQ(stats.commits, kThreads * kRounds);
  EXPECT_LT(stats.syncs, stats.commits * 3 / 4);
  EXPECT_EQ(WholeActions(*store).size(), kThreads * kRounds);
}

TEST(RocksDbStore, OnlyWhatMustBeDurableWaitsForTheDisk) {
  TempDir directory;
  auto store = OpenTiny(directory.path());
  Batch relaxed = ActionOf(1);
  relaxed.Relax();
  ASSERT_TRUE(store->Commit(relaxed));
  EXPECT_EQ(store->stats().syncs, 0u);
  ASSERT_TRUE(store->CommitSoon(ActionOf(2)));
  ASSERT_FALSE(store->Commit(ActionOf(1)));
  EXPECT_EQ(store->stats().syncs, 0u);
  EXPECT_EQ(store->stats().conflicts, 1u);
  ASSERT_TRUE(store->Commit(ActionOf(3)));
  EXPECT_EQ(store->stats().syncs, 1u);
  EXPECT_EQ(WholeActions(*store).size(), 3u);
}

TEST(RocksDbStore, WhoeverAsksHearsWhenWhatWasCommittedSoonIsDurable) {
  TempDir directory;
  auto store = OpenTiny(directory.path());
  std::vector<int> told;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(store->CommitSoon(ActionOf(static_cast<uint64_t>(i))));
    store->WhenDurable([&told, i](const std::exception_ptr& failure) {
      if (!failure) told.push_back(i);
    });
  }
  ASSERT_TRUE(store->Commit(ActionOf(10)));
  EXPECT_EQ(told, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  store->WhenDurable([&](const std::exception_ptr&) { told.push_back(10); });
  EXPECT_EQ(told.size(), 11u) << "nothing to wait for";
}

TEST(RocksDbStore, AnAdditionToARecordStopsNobodyElse) {
  TempDir directory;
  {
    auto store = OpenTiny(directory.path());
    Batch record;
    record.Put(RecordKey(9), "no counter");
    ASSERT_TRUE(store->Commit(record));
    Batch mistake;
    mistake.Add(RecordKey(9), 1);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->Commit(mistake));
    ASSERT_TRUE(store->Commit(ActionOf(1)));
  }
  EXPECT_EQ(WholeActions(*OpenTiny(directory.path())).size(), 1u);
}

// The nice value of the thread that writes memtables out; nothing while there is none.
std::optional<int> PriorityOfFlushes() {
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    if (name != "rocksdb:high") continue;
    return getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoi(thread.path().filename())));
  }
  return std::nullopt;
}

TEST(RocksDbStore, WritingAMemtableOutLeavesProcessorsToOthers) {
  TempDir directory;
  auto store = OpenTiny(directory.path());
  const int own = getpriority(PRIO_PROCESS, 0);
  uint64_t n = 0;
  const auto flushes_yield = [&] {
    for (int i = 0; i < 500; ++i) store->Commit(ActionOf(n++));
    return PriorityOfFlushes().value_or(own) >= 10;
  };
  int rounds = 0;
  while (!flushes_yield() && ++rounds < 20) {
  }
  EXPECT_LT(rounds, 20);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

TEST(RocksDbStore, ACheckpointIsAStoreOfItsOwn) {
  TempDir directory;
  auto store = OpenTiny(directory.path() + "/live");
  for (uint64_t n = 0; n < 100; ++n) ASSERT_TRUE(store->Commit(ActionOf(n)));
  store->Checkpoint(directory.path() + "/backup");
  ASSERT_TRUE(store->Commit(ActionOf(100)));
  auto backup = OpenTiny(directory.path() + "/backup");
  EXPECT_EQ(WholeActions(*backup).size(), 100u);
  ASSERT_TRUE(backup->Commit(ActionOf(500)));
  EXPECT_EQ(WholeActions(*store).size(), 101u);
  EXPECT_ANY_THROW(store->Checkpoint(directory.path() + "/backup"));
}

}  // namespace
}  // namespace stampede::store
