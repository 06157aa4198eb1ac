#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "events/committer.h"
#include "features/relationships/policy.h"
#include "features/statuses/records.pb.h"
#include "store/page_scan.h"

namespace stampede::interactions {

// Commands on what members do with posts: favourites and boosts. Thread-safe. Each is idempotent,
// commits one batch, and throws Error(kNotFound) for a status that does not exist or that the
// account may not see. A boost given instead of a post stands for the post it boosts.
class InteractionsService {
 public:
  explicit InteractionsService(events::Committer& committer) : committer_(committer) {}

  // Both return the post that was meant.
  StatusId Favourite(AccountId account, StatusId status);
  StatusId Unfavourite(AccountId account, StatusId status);

  // Returns the boost, an existing one as it is. Throws Error(kForbidden) for a post that may not be
  // boosted: direct, or private of somebody else. `visibility` public, unlisted or private; a private
  // post's boost stays private.
  StatusId Reblog(AccountId account, StatusId status,
                  std::optional<relationships::Visibility> visibility);
  // Returns the post. Without a boost nothing happens.
  StatusId Unreblog(AccountId account, StatusId status);

  struct Doer {
    uint64_t cursor = 0;
    AccountId account;
  };
  // Who favourited or boosted a status, newest first.
  std::vector<Doer> FavouritedBy(StatusId status, const store::IdBounds& bounds, size_t limit);
  std::vector<Doer> RebloggedBy(StatusId status, const store::IdBounds& bounds, size_t limit);

  struct Favourited {
    RelationId cursor;
    StatusId status;
  };
  // What an account has favourited, newest first unless `upwards`.
  std::vector<Favourited> Favourites(AccountId account, const store::IdBounds& bounds, size_t limit,
                                     bool upwards);

  // Removes what is left of a deleted post: its boosts, favourites and their rows, a bounded slice a
  // call. Returns true when nothing is left. The action commits the slice.
  bool CleanSlice(const statuses::StatusDeleted& deleted, events::Action& action);

 private:
  events::Committer& committer_;
};

}  // namespace stampede::interactions
