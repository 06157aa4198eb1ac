#include "features/feeds/view.h"

#include <unordered_set>

namespace stampede::feeds {

using statuses::LoadFor;

std::vector<statuses::StatusData> HomeTimeline::Page(AccountId reader, const net::Page& page) {
  return views_.LoadPage(reader, page, LoadFor::kHome,
                         [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
                           return Next(reader, bounds, limit, upwards);
                         });
}

statuses::Candidates HomeTimeline::Next(AccountId reader, const store::IdBounds& bounds,
                                        size_t limit, bool upwards) {
  std::vector<FeedEntry> entries = engine_.Candidates(reader, bounds, limit, upwards);
  statuses::Candidates candidates{.more = entries.size() == limit};
  if (entries.empty()) return candidates;
  candidates.last = entries.back().id;

  // Newest first, followed by what lies right below, against which boosts are judged.
  std::vector<FeedEntry> sequence = entries;
  if (upwards) std::ranges::reverse(sequence);
  if (std::ranges::any_of(entries, &FeedEntry::is_boost)) {
    for (const FeedEntry& older :
         engine_.Candidates(reader, {.upper = sequence.back().id}, limits::kBoostWindow, false)) {
      sequence.push_back(older);
    }
  }
  std::unordered_map<uint64_t, std::vector<uint64_t>> shown_before;
  std::vector<StatusId> to_judge;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!sequence[i].is_boost()) continue;
    auto before = ShownBefore(sequence[i], std::span(sequence).subspan(i + 1));
    for (uint64_t id : before) to_judge.emplace_back(id);
    if (!before.empty()) shown_before[sequence[i].id] = std::move(before);
  }
  std::unordered_set<uint64_t> visible;
  for (const auto& data : views_.Load(reader, to_judge, LoadFor::kHome)) {
    visible.insert(data.id().value());
  }
  for (const FeedEntry& entry : entries) {
    auto it = shown_before.find(entry.id);
    bool superfluous =
        it != shown_before.end() &&
        std::ranges::any_of(it->second, [&](uint64_t id) { return visible.contains(id); });
    if (!superfluous) candidates.ids.emplace_back(entry.id);
  }
  return candidates;
}

}  // namespace stampede::feeds
