#include "features/feeds/policy.h"

#include "features/relationships/policy.h"

namespace stampede::feeds {

using relationships::Visibility;
using statuses::OutboxRow;

ReaderFollows::ReaderFollows(AccountId reader, std::vector<relationships::Followee> followed)
    : reader_(reader), followed_(std::move(followed)) {
  index_.reserve(followed_.size());
  for (size_t i = 0; i < followed_.size(); ++i) index_[followed_[i].account] = i;
}

bool ReaderFollows::Wants(const OutboxRow& row) const {
  AccountId author(row.author());
  if (author == reader_) return true;
  auto it = index_.find(author);
  if (it == index_.end()) return false;
  const relationships::Followee& terms = followed_[it->second];
  if (row.visibility() == static_cast<int>(Visibility::kDirect)) {
    return std::ranges::find(row.mentions(), reader_.value()) != row.mentions().end();
  }
  if (!AllowsLanguage(terms.languages, row.language())) return false;
  if (row.reblog_of() && !terms.reblogs) return false;
  if (!row.in_reply_to_id()) return true;
  AccountId parent_author(row.in_reply_to_account());
  return parent_author == author || parent_author == reader_ || index_.contains(parent_author);
}

bool AllowsLanguage(std::span<const std::string> languages, std::string_view language) {
  return languages.empty() || language.empty() ||
         std::ranges::find(languages, language) != languages.end();
}

FeedEntry EntryOf(const OutboxRow& row) {
  return {.id = row.id(), .original = row.reblog_of() ? row.reblog_of() : row.id()};
}

std::vector<uint64_t> ShownBefore(const FeedEntry& boost, std::span<const FeedEntry> older) {
  std::vector<uint64_t> shown;
  for (const FeedEntry& entry : older.first(std::min(older.size(), limits::kBoostWindow))) {
    if (entry.original == boost.original) shown.push_back(entry.id);
  }
  return shown;
}

}  // namespace stampede::feeds
