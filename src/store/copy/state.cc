#include "store/copy/state.h"

#include "base/error.h"

namespace stampede::store {

namespace {

const Table kMarker(0xee, "copy_marker", Access::kRecord);
const Table kBlock(0xef, "copy_block", Access::kQueue);

constexpr size_t kPrefixBytes = 3;  // of a key: partition and table

}  // namespace

bool IsCopyTable(const Table& table) { return &table == &kMarker || &table == &kBlock; }

std::string MarkerKey() { return Key(Partition(0), kMarker); }

std::optional<std::string> HalfCopiedFrom(Store& store) { return store.Get(MarkerKey()); }

void RefuseHalfCopied(Store& store) {
  std::optional<std::string> source = HalfCopiedFrom(store);
  if (!source) return;
  throw Error(ErrorCode::kUnavailable, "The store is a half-done copy of " + *source +
                                           ": finish it with `stampede store copy`");
}

std::string BlockKey(std::string_view start) {
  std::string key = Key(PartitionOfKey(start), kBlock);
  return key.append(start.substr(kPrefixBytes - 1));
}

std::string WholeKey(Partition partition) { return Key(partition, kBlock).Byte(0); }

KeyRange BlockRange(Partition partition) { return KeyRange::Prefix(Key(partition, kBlock).str()); }

PartitionState LoadState(Store& store, Partition partition) {
  PartitionState state;
  ScanRequest request{.range = BlockRange(partition), .limit = limits::kScanRowsMax};
  while (true) {
    std::vector<Row> rows = store.Scan(request);
    for (Row& row : rows) {
      std::string_view fields = std::string_view(row.key).substr(kPrefixBytes);
      auto table = static_cast<uint8_t>(fields.front());
      if (table == 0) {
        state.whole = true;
        continue;
      }
      std::string start = row.key.substr(0, kPrefixBytes - 1);
      state.blocks[table].push_back({start.append(fields), std::move(row.value)});
    }
    if (rows.size() < request.limit) return state;
    request.range.begin = rows.back().key + '\0';
  }
}

}  // namespace stampede::store
