#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "events/committer.h"
#include "features/notifications/keys.h"
#include "features/notifications/records.pb.h"

namespace stampede::notifications {

// --- What other rooms add to their actions. Each is one durable job in the same batch. ---

// Tells `recipient`, if they want to hear of it. Whether they do is decided by the job (jobs.h).
// `cause` is the store key of the row that the notification tells of (the favourite, the follow):
// if it is gone when the job runs, nothing is told, and Retract leaves alone what a newer row
// causes again. Without one only the status must still exist.
void Notify(events::Action& action, NotificationType type, AccountId recipient, AccountId sender,
            StatusId status = {}, std::string cause = {});
// Takes back what Notify told: an undone favourite, boost or follow, a withdrawn request.
void Retract(events::Action& action, NotificationType type, AccountId recipient, AccountId sender,
             StatusId status = {});
// Tells the followers who asked to hear of every post of `author`. Does nothing for boosts and for
// replies to others.
void NotifyFollowers(events::Action& action, AccountId author, StatusId status);
// Removes all that `sender` caused: they were blocked.
void ClearFrom(events::Action& action, AccountId recipient, AccountId sender);

// As clients call it: "mention", "follow_request" ….
std::string_view NotificationTypeName(NotificationType type);
std::optional<NotificationType> ParseNotificationType(std::string_view name);

// Erases a notification and its index rows; expects that `value`, its record as stored, is still
// it.
void EraseNotification(events::Action& action, AccountId recipient, const std::string& value);

// --- The recipient's side. ---

// Which notifications a reader asks for.
struct NotificationFilter {
  AccountId sender;          // none: everybody's
  uint32_t type_mask = ~0u;  // bit n: type n
  static uint32_t Bit(int32_t type) { return type < 32 ? 1u << type : 0; }
};

struct Marker {
  MarkerTimeline timeline;
  MarkerRecord record;
};

// Commands and queries of a recipient on their notifications and markers. Thread-safe.
class NotificationsService {
 public:
  explicit NotificationsService(events::Committer& committer) : committer_(committer) {}

  // The next notifications with lower < id < upper: newest first, or, `upwards`, oldest first. At
  // most `limit`, and no more than limits::kNotificationScanRows are looked at; `lower` and `upper`
  // are moved so that the next call goes on, and meet when nothing is left.
  std::vector<NotificationRecord> Next(AccountId recipient, const NotificationFilter& filter,
                                       uint64_t& lower, uint64_t& upper, bool upwards,
                                       size_t limit);
  std::optional<NotificationRecord> Find(AccountId recipient, NotificationId id);
  // Throws Error(kNotFound).
  void Dismiss(AccountId recipient, NotificationId id);
  void Clear(AccountId recipient);

  // Version 0 for a marker that was never set.
  std::vector<Marker> GetMarkers(AccountId account, const std::vector<MarkerTimeline>& timelines);
  // Sets all in one batch and returns them. Throws Error(kConflict) when somebody else wrote first.
  std::vector<Marker> SetMarkers(AccountId account,
                                 const std::vector<std::pair<MarkerTimeline, uint64_t>>& last_read);

 private:
  events::Committer& committer_;
};

}  // namespace stampede::notifications
