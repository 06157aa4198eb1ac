#include "store/rocksdb/group_commit.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "base/error.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

using testing::IndexKey;
using testing::RecordKey;

// Holds the first group back until everybody is in the queue, and notes the groups.
class GroupCommitTest : public ::testing::Test {
 protected:
  // Commits an empty batch that blocks, then `batches` behind it in order, and returns the sizes of
  // the groups that these formed.
  std::vector<size_t> GroupsOf(const std::vector<Batch>& batches) {
    std::vector<std::thread> callers;
    callers.emplace_back([&] { queue_.Commit(Batch()); });
    Eventually([&] { return queue_.waiting() == 1; });
    for (const Batch& batch : batches) {
      size_t before = queue_.waiting();
      callers.emplace_back([&] { queue_.Commit(batch); });
      Eventually([&] { return queue_.waiting() == before + 1; });
    }
    first_.release();
    for (auto& caller : callers) caller.join();
    return {sizes_.begin() + 1, sizes_.end()};
  }

  template <class Condition>
  static void Eventually(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }

  static Batch Putting(std::string key) {
    Batch batch;
    batch.Put(std::move(key), "v");
    return batch;
  }
  static Batch Expecting(std::string key) {
    Batch batch;
    batch.ExpectAbsent(std::move(key));
    return batch;
  }

  std::binary_semaphore first_{0};
  std::vector<size_t> sizes_;
  GroupCommit queue_{[this](std::span<GroupCommit::Member* const> group) {
    if (sizes_.empty()) first_.acquire();
    sizes_.push_back(group.size());
    for (auto* member : group) member->committed = true;
  }};
};

using Sizes = std::vector<size_t>;

TEST_F(GroupCommitTest, IndependentBatchesFormOneGroup) {
  Batch both = Putting(RecordKey(3));
  both.ExpectAbsent(RecordKey(4));
  EXPECT_EQ(GroupsOf({Putting(RecordKey(1)), Putting(RecordKey(1)), both}), Sizes{3});
}

TEST_F(GroupCommitTest, AnExpectationOnWhatTheGroupWritesStartsTheNextGroup) {
  EXPECT_EQ(GroupsOf({Putting(RecordKey(1)), Putting(RecordKey(2)), Expecting(RecordKey(1)),
                      Putting(RecordKey(5))}),
            (Sizes{2, 2}));
}

TEST_F(GroupCommitTest, AnExpectationBeforeTheWriteSharesItsGroup) {
  EXPECT_EQ(GroupsOf({Expecting(RecordKey(1)), Putting(RecordKey(1))}), Sizes{2});
}

TEST_F(GroupCommitTest, ARangeEraseLeadsAGroupAndLetsNoExpectationJoin) {
  Batch range;
  range.EraseRange({IndexKey(1), IndexKey(9)});
  EXPECT_EQ(GroupsOf({Putting(RecordKey(1)), range, Putting(RecordKey(2)), Expecting(IndexKey(3))}),
            (Sizes{1, 2, 1}));
}

TEST_F(GroupCommitTest, AGroupIsBoundedInBytes) {
  Batch large;
  large.Put(RecordKey(1), std::string(600 * 1024, 'v'));
  EXPECT_EQ(GroupsOf({large, large, Putting(RecordKey(2))}), (Sizes{1, 2}));
}

TEST(GroupCommit, AFailureReachesEveryMemberAndTheQueueGoesOn) {
  std::atomic<bool> broken = true;
  GroupCommit queue([&](std::span<GroupCommit::Member* const> group) {
    if (broken) throw Error(ErrorCode::kUnavailable, "disk gone");
    for (auto* member : group) member->committed = true;
  });
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      try {
        queue.Commit(Batch());
      } catch (const Error& error) {
        failures += error.code() == ErrorCode::kUnavailable;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failures, 4);
  broken = false;
  EXPECT_TRUE(queue.Commit(Batch()));
  EXPECT_EQ(queue.waiting(), 0u);
}

}  // namespace
}  // namespace stampede::store
