#include "store/keyspace.h"

#include <gtest/gtest.h>

#include "store/store.h"
#include "store/test_support.h"

namespace stampede::store {
namespace {

using namespace std::string_literals;
using testing::kIndexTable;
using testing::kRecordTable;

TEST(Key, BeginsWithPartitionAndTable) {
  std::string key = Key(Partition(0x123), kRecordTable).Uint(0x0102030405060708).Byte(9);
  EXPECT_EQ(key, "\x01\x23\xf0\x01\x02\x03\x04\x05\x06\x07\x08\x09"s);
  EXPECT_EQ(PartitionOfKey(key), Partition(0x123));
  EXPECT_EQ(TableOf(key), &kRecordTable);
  EXPECT_EQ(TableOf("\x01"), nullptr);
  EXPECT_EQ(TableOf("\x01\x01\xff"), nullptr);
}

TEST(Key, DescPutsTheNewestFirst) {
  auto key = [](uint64_t id) { return Key(Partition(1), kIndexTable).Desc(StatusId(id)).str(); };
  EXPECT_LT(key(2), key(1));
  EXPECT_LT(key(UINT64_MAX), key(0));
}

TEST(Key, TextsKeepTheirOrderWhateverFollows) {
  // Sorted as bytes. "a" is a prefix of the next ones, and each is followed by another field.
  std::vector<std::string> texts = {"",  "\0"s,   "\0\0"s,   "\0\1"s,    "\0\xff"s,
                                    "a", "a\0"s,  "a\0b"s,   "a\1"s,     "ab",
                                    "b", "\xff"s, "\xff\0"s, "\xff\xff"s};
  for (size_t i = 0; i + 1 < texts.size(); ++i) {
    std::string low = Key(Partition(1), kIndexTable).Text(texts[i]).Uint(UINT64_MAX);
    std::string high = Key(Partition(1), kIndexTable).Text(texts[i + 1]).Uint(0);
    EXPECT_LT(low, high) << i;
  }
}

TEST(KeyReader, ReadsBackWhatWasWritten) {
  for (const std::string& text : {""s, "\0"s, "alice"s, "\0\1\xff\0"s, "\xff"s}) {
    std::string key =
        Key(Partition(4095), kIndexTable).Text(text).Id(AccountId(7)).Desc(StatusId(8)).Byte(255);
    KeyReader reader(key);
    EXPECT_EQ(reader.Text(), text);
    EXPECT_EQ(reader.Id<AccountId>(), AccountId(7));
    EXPECT_EQ(reader.Desc<StatusId>(), StatusId(8));
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.Byte(), 255);
    EXPECT_TRUE(reader.done());
  }
}

TEST(PrefixEnd, IsTheNextKeyAfterThePrefix) {
  EXPECT_EQ(PrefixEnd("\x01\x02"s), "\x01\x03"s);
  EXPECT_EQ(PrefixEnd("\x01\xff\xff"s), "\x02"s);
  EXPECT_EQ(PrefixEnd("\x01\x00"s), "\x01\x01"s);
}

TEST(Tables, AreListedByByte) {
  auto tables = AllTables();
  ASSERT_GE(tables.size(), 3u);
  EXPECT_TRUE(std::ranges::is_sorted(tables, {}, &Table::byte));
}

TEST(TablesDeathTest, ADuplicateByteOrNameStopsTheProgram) {
  EXPECT_DEATH(Table(0xf0, "another", Access::kIndex), "another.*0xf0.*collides with.*test_record");
  EXPECT_DEATH(Table(0xfa, "test_record", Access::kIndex), "collides");
}

TEST(KeyReaderDeathTest, AMalformedKeyIsOurMistake) {
  std::string key = Key(Partition(1), kIndexTable).Byte(1);
  EXPECT_DEATH(KeyReader(key).Uint(), "check failed");
  EXPECT_DEATH(KeyReader(key).Text(), "check failed");
}

}  // namespace
}  // namespace stampede::store
