#include "features/feeds/merge.h"

#include "features/statuses/keys.h"
#include "store/page_scan.h"

namespace stampede::feeds {

namespace {

// Few rows of many authors, many of few: together about twice what is asked for, because posts are
// not spread evenly.
size_t RowsEach(size_t expected, size_t sources) {
  return std::clamp<size_t>(2 * expected / std::max<size_t>(1, sources), 4, 200);
}

}  // namespace

OutboxMerge::OutboxMerge(store::Store& store, const ReaderFollows& follows,
                         const store::IdBounds& bounds, bool upwards, size_t expected)
    : store_(store), follows_(follows), upwards_(upwards) {
  sources_.push_back({.author = follows.reader(), .bounds = bounds});
  for (const auto& followee : follows.followed()) {
    sources_.push_back({.author = followee.account, .bounds = bounds});
  }
  rows_each_ = RowsEach(expected, sources_.size());
  for (size_t i = 0; i < sources_.size(); ++i) dry_.push_back(i);
}

std::vector<FeedEntry> OutboxMerge::Next(size_t count) {
  std::vector<FeedEntry> entries;
  while (entries.size() < count) {
    if (!dry_.empty()) Refill(rows_each_);
    if (heap_.empty()) break;
    size_t index = PopHeap();
    Source& source = sources_[index];
    const statuses::OutboxRow& row = source.rows[source.next++];
    if (follows_.Wants(row)) entries.push_back(EntryOf(row));
    if (source.next < source.rows.size())
      PushHeap(index);
    else if (source.dry())
      dry_.push_back(index);
  }
  return entries;
}

void OutboxMerge::Refill(size_t rows_each) {
  std::vector<store::ScanRequest> scans;
  for (size_t index : dry_) {
    const Source& source = sources_[index];
    scans.push_back(
        store::PageScan(statuses::OutboxRange(source.author), source.bounds, rows_each, upwards_));
  }
  auto answers = store_.MultiScan(scans);
  for (size_t i = 0; i < dry_.size(); ++i) {
    Source& source = sources_[dry_[i]];
    source.rows.clear();
    source.next = 0;
    source.exhausted = answers[i].size() < rows_each;
    for (const store::Row& row : answers[i]) source.rows.emplace_back().ParseFromString(row.value);
    if (source.rows.empty()) continue;
    (upwards_ ? source.bounds.lower : source.bounds.upper) = source.rows.back().id();
    PushHeap(dry_[i]);
  }
  dry_.clear();
  rows_each_ =
      std::min<size_t>(rows_each * 2, 200);  // who runs dry posts a lot: read more next time
}

bool OutboxMerge::Later(size_t a, size_t b) const {
  uint64_t id_a = sources_[a].rows[sources_[a].next].id();
  uint64_t id_b = sources_[b].rows[sources_[b].next].id();
  return upwards_ ? id_b < id_a : id_b > id_a;
}

void OutboxMerge::PushHeap(size_t source) {
  heap_.push_back(source);
  std::ranges::push_heap(heap_, [this](size_t a, size_t b) { return Later(a, b); });
}

size_t OutboxMerge::PopHeap() {
  std::ranges::pop_heap(heap_, [this](size_t a, size_t b) { return Later(a, b); });
  size_t source = heap_.back();
  heap_.pop_back();
  return source;
}

}  // namespace stampede::feeds
