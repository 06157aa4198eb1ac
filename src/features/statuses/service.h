#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "events/committer.h"
#include "features/instance/site.h"
#include "features/relationships/policy.h"
#include "features/statuses/records.pb.h"
#include "store/page_scan.h"

namespace stampede::statuses {

// What a member asks to be posted.
struct NewStatus {
  AccountId author;
  std::string text;
  std::string spoiler_text;
  std::optional<bool> sensitive;                           // absent: the author's default
  std::optional<relationships::Visibility> visibility;     // absent: the author's default
  std::string language;                                    // unknown or empty: the author's default
  StatusId in_reply_to;                                    // none: not a reply
  std::string idempotency_key;                             // empty: none
  std::optional<std::vector<AccountId>> allowed_mentions;  // absent: anybody
  AppId app;
  std::string app_name;
  std::string app_website;
};

// A post that `allowed_mentions` refuses: whom it would have mentioned besides.
struct UnexpectedMentions {
  std::vector<AccountId> accounts;
};

// Commands on posts, and the order in which statuses lie in outboxes, threads and the public
// timeline. Thread-safe. What a query returns are candidates: StatusViews decides what of them a
// viewer sees.
class StatusesService {
 public:
  StatusesService(events::Committer& committer, const Site& site);

  // Posts. A repeated idempotency key within limits::kIdempotencyMs returns the first status, however
  // the requests race. Throws kInvalid (too long, blank), kNotFound (parent absent or invisible), and
  // UnexpectedMentions.
  StatusId Post(const NewStatus& post);
  // Deletes a post of this author; its boosts and favourites follow by a job. Throws kNotFound when
  // it does not exist or is not theirs. Boosts are undone by the interactions room instead.
  void Delete(AccountId author, StatusId id);

  // All posts and boosts of an account, newest first unless `upwards`.
  std::vector<OutboxRow> Outbox(AccountId author, const store::IdBounds& bounds, size_t limit,
                                bool upwards);
  // Public posts that belong on the public timeline, merged from their shards.
  std::vector<StatusId> PublicIds(const store::IdBounds& bounds, size_t limit, bool upwards);

  // Parents of a status, oldest first, at most `limit`.
  std::vector<StatusId> Ancestors(StatusId id, size_t limit);
  // Replies below a status, depth first, oldest first among siblings: at most `limit`, and at most
  // `depth` levels down.
  std::vector<StatusId> Descendants(StatusId id, size_t limit, size_t depth);

  // Forgets idempotency keys that have expired. Periodic; any node may run it at any time.
  void SweepIdempotencyKeys();

  store::Records& records() { return committer_.records(); }

 private:
  events::Committer& committer_;
  const Site& site_;
};

// What every command that adds a status to an outbox writes besides the status itself: the outbox
// row, the public index, the author's counters and the event. Shared with boosts. `before` is what the
// counters of its author were, or older: it saves the row that says the day of the newest status.
void AddToOutbox(events::Action& action, const StatusRecord& status, const store::Counters& before);
// The reverse, for deletions.
void RemoveFromOutbox(events::Action& action, const StatusRecord& status);

// Kind of the job that cleans up after a deleted post; payload: StatusDeleted. Run by interactions.
inline constexpr std::string_view kCleanDeletedStatusJob = "clean_deleted_status";

}  // namespace stampede::statuses
