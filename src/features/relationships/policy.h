#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/ids.h"
#include "features/relationships/records.pb.h"
#include "store/records.h"

namespace stampede::relationships {

// Who may see a status. Stored: the numbers never change.
enum class Visibility : uint8_t { kPublic = 0, kUnlisted = 1, kPrivate = 2, kDirect = 3 };

// What two accounts have decided about each other, seen from `me`. Null pointers: nothing.
struct Ties {
  std::shared_ptr<const RelationRecord> mine;    // me → them
  std::shared_ptr<const RelationRecord> theirs;  // them → me

  bool following() const { return mine && mine->has_follow(); }
  bool followed_by() const { return theirs && theirs->has_follow(); }
  bool blocking() const { return mine && mine->has_block(); }
  bool blocked_by() const { return theirs && theirs->has_block(); }
  bool requested() const { return mine && mine->has_request(); }
  // A mute ends by itself when its time is over.
  bool muting(int64_t now_ms) const {
    return mine && mine->has_mute() &&
           (mine->mute().expires_ms() == 0 || mine->mute().expires_ms() > now_ms);
  }
};

// Adds both directions of a pair to a RecordFetch.
class TiesFetch {
 public:
  TiesFetch() = default;  // reads nothing
  // `me` may be none (anonymous): nothing is read and Take() is empty.
  TiesFetch(store::RecordFetch& fetch, AccountId me, AccountId them);
  Ties Take() const { return {mine_ ? *mine_ : nullptr, theirs_ ? *theirs_ : nullptr}; }

 private:
  const std::shared_ptr<const RelationRecord>* mine_ = nullptr;
  const std::shared_ptr<const RelationRecord>* theirs_ = nullptr;
};

// The facts of a status that decide who may see it.
struct StatusFacts {
  AccountId author;
  Visibility visibility = Visibility::kPublic;
  std::span<const AccountId> mentions;
  bool author_suspended = false;
};

// Who may see what: the one rule that every read, stream, search, boost and federation path asks
// (docs.joinmastodon.org/entities/Status, visibility). `viewer` none is the public. `ties` are
// those of viewer and author. Muting or blocking the author oneself does not hide a status asked
// for by id; see HiddenFromLists.
bool Visible(AccountId viewer, const StatusFacts& status, const Ties& ties);

// Whether a visible status is left out of the viewer's timelines, contexts and notifications
// because of its author: blocked or muted by the viewer.
bool HiddenFromLists(AccountId viewer, AccountId author, const Ties& ties, int64_t now_ms);

}  // namespace stampede::relationships
