#include "store/rocksdb/table_ends.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "store/test_support.h"

namespace stampede::store {
namespace {

using testing::IndexKey;
using testing::RecordKey;

class TableEndsTest : public ::testing::Test {
 protected:
  std::string FindLast(std::string_view prefix) {
    asked_.emplace_back(prefix);
    if (failing_) throw std::runtime_error("no answer");
    return last_;
  }

  std::string last_;
  bool failing_ = false;
  std::vector<std::string> asked_;
  TableEnds ends_{[this](std::string_view prefix) { return FindLast(prefix); }};
};

TEST_F(TableEndsTest, WhatIsBehindTheLastKeyIsAbsentAndAnythingElseMayBeThere) {
  last_ = RecordKey(13, 1);
  EXPECT_TRUE(ends_.IsBehind(RecordKey(14, 1)));
  EXPECT_FALSE(ends_.IsBehind(RecordKey(13, 1)));
  EXPECT_FALSE(ends_.IsBehind(RecordKey(1, 1)));
  EXPECT_EQ(asked_, std::vector<std::string>{RecordKey(0, 1).substr(0, kTablePrefixBytes)});
}

TEST_F(TableEndsTest, InAnEmptyTableEverythingIsAbsent) {
  EXPECT_TRUE(ends_.IsBehind(RecordKey(1, 1)));
}

TEST_F(TableEndsTest, AnEndMovesWithWhatIsWrittenAndOnlyForward) {
  last_ = RecordKey(13, 1);
  EXPECT_TRUE(ends_.IsBehind(RecordKey(16, 1)));
  ends_.Extend(RecordKey(16, 1));
  ends_.Extend(RecordKey(2, 1));
  EXPECT_FALSE(ends_.IsBehind(RecordKey(16, 1)));
  EXPECT_FALSE(ends_.IsBehind(RecordKey(15, 1)));
  EXPECT_TRUE(ends_.IsBehind(RecordKey(17, 1)));
}

TEST_F(TableEndsTest, PartitionsAndTablesHaveEndsOfTheirOwn) {
  EXPECT_TRUE(ends_.IsBehind(RecordKey(1, 1)));
  last_ = RecordKey(13, 2);
  EXPECT_FALSE(ends_.IsBehind(RecordKey(1, 2)));
  last_ = IndexKey(13, 1);
  EXPECT_FALSE(ends_.IsBehind(IndexKey(1, 1)));
  EXPECT_TRUE(ends_.IsBehind(RecordKey(1, 1)));
  EXPECT_EQ(asked_.size(), 3u);
}

TEST_F(TableEndsTest, AFailedQuestionIsAskedAgain) {
  failing_ = true;
  EXPECT_THROW(ends_.IsBehind(RecordKey(26, 1)), std::runtime_error);
  failing_ = false;
  last_ = RecordKey(26, 1);
  EXPECT_FALSE(ends_.IsBehind(RecordKey(26, 1)));
}

}  // namespace
}  // namespace stampede::store
