#include "bench/timeline.h"

#include <algorithm>
#include <stdexcept>

#include "base/limits.h"
#include "bench/scenario.h"

namespace stampede::bench {
namespace {

constexpr size_t kVerifiedMax = 400;

bool Contains(std::span<const AckedEntry> newest_first, uint64_t id) {
  return std::ranges::binary_search(newest_first, id, std::greater(), &AckedEntry::id);
}

std::string About(uint32_t reader, const std::string& what, uint64_t id) {
  return "home of member " + std::to_string(reader) + ": " + what + " " + std::to_string(id);
}

}  // namespace

bool ExpectedTimelines::Add(uint32_t author, AckedEntry entry) {
  auto& entries = by_author_[author];
  // Nearly always the newest; two of one author may be acknowledged the other way round.
  auto at = std::ranges::upper_bound(entries, entry.id, {}, &AckedEntry::id);
  if (at != entries.begin() && std::prev(at)->id == entry.id) return false;
  entries.insert(at, entry);
  ++entries_;
  deliveries_ += world_.graph().followers(author) + 1;
  return true;
}

std::vector<AckedEntry> ExpectedTimelines::Candidates(uint32_t reader, uint64_t from) const {
  std::vector<uint32_t> authors;
  world_.graph().Follows(reader, authors);
  authors.push_back(reader);
  std::vector<AckedEntry> candidates;
  for (uint32_t author : authors) {
    const auto& entries = by_author_[author];
    auto first = std::ranges::lower_bound(entries, from, {}, &AckedEntry::id);
    candidates.insert(candidates.end(), first, entries.end());
  }
  std::ranges::sort(candidates, std::greater(), &AckedEntry::id);
  return candidates;
}

std::vector<uint64_t> ExpectedTimelines::Home(uint32_t reader) const {
  std::vector<AckedEntry> candidates = Candidates(reader, 0);
  std::vector<uint64_t> home;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const AckedEntry& entry = candidates[i];
    auto before = std::span(candidates).subspan(i + 1);
    before = before.first(std::min(before.size(), limits::kBoostWindow));
    bool superfluous = entry.id != entry.original &&
                       std::ranges::count(before, entry.original, &AckedEntry::original) > 0;
    if (!superfluous) home.push_back(entry.id);
  }
  return home;
}

std::string PageChecker::Check(uint32_t reader, std::span<const StatusId> page, size_t limit,
                               int64_t asked_us) {
  ++pages_;
  for (size_t i = 1; i < page.size(); ++i) {
    if (page[i] >= page[i - 1]) return About(reader, "out of order at", page[i].value());
  }
  // Below the end of a full page nothing is compared; while a load runs that saves its time.
  uint64_t last = page.size() < limit || page.empty() ? 0 : page.back().value();
  std::vector<AckedEntry> candidates = expected_.Candidates(reader, last);
  for (StatusId id : page) {
    if (id.value() <= begin_) break;
    if (!Contains(candidates, id.value())) unexplained_.push_back({reader, id.value()});
  }
  for (const AckedEntry& entry : candidates) {
    // A boost may be left out, for the sake of a post that is not acknowledged yet.
    if (entry.id != entry.original || entry.acked_us > asked_us - kGraceUs) continue;
    if (!std::ranges::binary_search(page, StatusId(entry.id), std::greater())) {
      return About(reader, "lacks", entry.id);
    }
  }
  return {};
}

std::string PageChecker::CheckRest() const {
  for (const Shown& shown : unexplained_) {
    if (!Contains(expected_.Candidates(shown.reader, shown.id), shown.id)) {
      return About(shown.reader, "showed what does not belong there:", shown.id);
    }
  }
  return {};
}

void VerifyHome(const GraphWorld& world, const ExpectedTimelines& expected, uint16_t port,
                uint32_t reader) {
  std::vector<uint64_t> home = expected.Home(reader);
  if (home.size() > kVerifiedMax) home.resize(kVerifiedMax);
  std::vector<StatusId> shown = ReadHome(port, world.token(reader), home.size());
  for (size_t i = 0; i < home.size(); ++i) {
    if (i < shown.size() && shown[i].value() == home[i]) continue;
    throw std::runtime_error(About(reader, "entry " + std::to_string(i) + " is not", home[i]));
  }
}

}  // namespace stampede::bench
