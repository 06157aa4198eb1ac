#include "store/copy/visit.h"

#include <exception>
#include <thread>

#include "base/mutex.h"
#include "store/copy/state.h"

namespace stampede::store {

namespace {

constexpr size_t kPageRows = 1'000;

std::vector<ScanRequest> WholeTables(Partition partition, size_t limit) {
  std::vector<ScanRequest> requests;
  for (const Table* table : DataTables()) {
    requests.push_back({.range = KeyRange::Prefix(Key(partition, *table).str()), .limit = limit});
  }
  return requests;
}

}  // namespace

const std::vector<const Table*>& DataTables() {
  static const auto* tables = [] {
    auto* found = new std::vector<const Table*>;  // never destroyed: threads may outlive statics
    for (const Table* table : AllTables()) {
      if (!IsCopyTable(*table)) found->push_back(table);
    }
    return found;
  }();
  return *tables;
}

void VisitPartition(Store& store, Partition partition, RowVisitor& visitor) {
  std::vector<ScanRequest> requests = WholeTables(partition, kPageRows);
  std::vector<std::vector<Row>> pages = store.MultiScan(requests);
  for (size_t i = 0; i < pages.size(); ++i) {
    visitor.BeginTable(*DataTables()[i]);
    std::vector<Row> page = std::move(pages[i]);
    while (true) {
      bool more = page.size() == kPageRows;
      if (more) requests[i].range.begin = page.back().key + '\0';
      for (Row& row : page) visitor.OnRow(std::move(row));
      if (!more) break;
      page = store.Scan(requests[i]);
    }
    visitor.EndTable();
  }
}

bool IsEmpty(Store& store, Partition partition) {
  for (const auto& rows : store.MultiScan(WholeTables(partition, 1))) {
    if (!rows.empty()) return false;
  }
  return true;
}

void WalkPartitions(unsigned threads, const SliceWork& work) {
  std::atomic<bool> stop = false;
  Mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back(
        [&, first = kPartitionCount * i / threads, end = kPartitionCount * (i + 1) / threads] {
          try {
            work(first, end, stop);
          } catch (...) {
            MutexLock lock(mutex);
            if (!failure) failure = std::current_exception();
            stop = true;
          }
        });
  }
  for (std::thread& thread : running) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace stampede::store
