#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "features/feeds/rings.h"
#include "features/relationships/service.h"
#include "features/statuses/records.pb.h"

// Pure rules of home timelines (docs.joinmastodon.org/methods/timelines#home). Thread-safe.
namespace stampede::feeds {

// What a reader's follows say, and the reader.
class ReaderFollows {
 public:
  ReaderFollows(AccountId reader, std::vector<relationships::Followee> followed);

  // Whether a status belongs among the candidates of the reader's home: what depends on the graph
  // alone. The reader's own posts always do. A reply reaches those who follow both sides or wrote
  // either; boosts and languages can be switched off per follow; a direct post reaches whom it
  // mentions.
  bool Wants(const statuses::OutboxRow& row) const;

  AccountId reader() const { return reader_; }
  const std::vector<relationships::Followee>& followed() const { return followed_; }

 private:
  AccountId reader_;
  std::vector<relationships::Followee> followed_;
  std::unordered_map<AccountId, size_t> index_;
};

bool AllowsLanguage(std::span<const std::string> languages, std::string_view language);

FeedEntry EntryOf(const statuses::OutboxRow& row);

// The entries that make a boost superfluous: those among the limits::kBoostWindow candidates right
// before it (`older`, newest first) that show the same original. The boost is left out while any of
// them is visible to the reader. Being a function of the candidates alone, the rule gives the same
// timeline whether entries were pushed or pulled, and when what was shown is deleted or hidden, the
// next takes its place.
std::vector<uint64_t> ShownBefore(const FeedEntry& boost, std::span<const FeedEntry> older);

}  // namespace stampede::feeds
