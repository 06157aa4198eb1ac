#include "features/relationships/policy.h"

#include <algorithm>

#include "features/relationships/keys.h"

namespace stampede::relationships {

TiesFetch::TiesFetch(store::RecordFetch& fetch, AccountId me, AccountId them) {
  if (!me || me == them) return;
  mine_ = &fetch.Want<RelationRecord>(RelationKey(me, them));
  theirs_ = &fetch.Want<RelationRecord>(RelationKey(them, me));
}

bool Visible(AccountId viewer, const StatusFacts& status, const Ties& ties) {
  if (status.author_suspended) return false;
  if (viewer && viewer == status.author) return true;
  switch (status.visibility) {
    case Visibility::kPublic:
    case Visibility::kUnlisted:
      return !ties.blocked_by();
    case Visibility::kPrivate:
      if (viewer && ties.following()) return true;
      [[fallthrough]];
    case Visibility::kDirect:
      return viewer && std::ranges::find(status.mentions, viewer) != status.mentions.end();
  }
  return false;  // a number from a newer version: better hidden than leaked
}

bool HiddenFromLists(AccountId viewer, AccountId author, const Ties& ties, int64_t now_ms) {
  if (!viewer || viewer == author) return false;
  return ties.blocking() || ties.muting(now_ms);
}

}  // namespace stampede::relationships
