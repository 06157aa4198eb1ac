#include "features/notifications/service.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/limits.h"
#include "store/page_scan.h"

namespace stampede::notifications {
namespace {

// docs.joinmastodon.org/entities/Notification/#type
constexpr std::array<std::string_view, 9> kTypeNames = {
    "", "mention", "status", "reblog", "follow", "follow_request", "favourite", "poll", "update"};

// Rows read at once when many of them may be of types that are not asked for.
constexpr size_t kFilteredScanRows = 200;

std::string RequestPayload(NotificationType type, AccountId recipient, AccountId sender,
                           StatusId status, std::string cause) {
  NotifyRequest request;
  request.set_type(static_cast<int32_t>(type));
  request.set_recipient(recipient.value());
  request.set_sender(sender.value());
  request.set_status(status.value());
  request.set_cause(std::move(cause));
  return request.SerializeAsString();
}

NotificationRecord ParseNotification(const std::string& value) {
  NotificationRecord record;
  if (!record.ParseFromString(value)) throw std::runtime_error("notifications: bad record");
  return record;
}

}  // namespace

void Notify(events::Action& action, NotificationType type, AccountId recipient, AccountId sender,
            StatusId status, std::string cause) {
  action.Enqueue("notify", recipient.partition(),
                 RequestPayload(type, recipient, sender, status, std::move(cause)));
}

void Retract(events::Action& action, NotificationType type, AccountId recipient, AccountId sender,
             StatusId status) {
  action.Enqueue("unnotify", recipient.partition(),
                 RequestPayload(type, recipient, sender, status, {}));
}

void NotifyFollowers(events::Action& action, AccountId author, StatusId status) {
  NotifyFollowersRequest request;
  request.set_author(author.value());
  request.set_status(status.value());
  action.Enqueue("notify_followers", author.partition(), request.SerializeAsString());
}

void ClearFrom(events::Action& action, AccountId recipient, AccountId sender) {
  ClearRequest request;
  request.set_recipient(recipient.value());
  request.set_sender(sender.value());
  action.Enqueue("clear_notifications", recipient.partition(), request.SerializeAsString());
}

std::string_view NotificationTypeName(NotificationType type) {
  auto number = static_cast<size_t>(type);
  return number < kTypeNames.size() ? kTypeNames[number] : kTypeNames[0];
}

std::optional<NotificationType> ParseNotificationType(std::string_view name) {
  auto found = std::ranges::find(kTypeNames, name);
  if (found == kTypeNames.end() || name.empty()) return std::nullopt;
  return static_cast<NotificationType>(found - kTypeNames.begin());
}

void EraseNotification(events::Action& action, AccountId recipient, const std::string& value) {
  NotificationRecord notification = ParseNotification(value);
  NotificationId id(notification.id());
  AccountId sender(notification.sender());
  // While its row is there, notification_key means this one and no newer one.
  action.batch.ExpectUnchanged(NotificationKey(recipient, id), value);
  action.batch.Erase(NotificationKey(recipient, id));
  action.batch.Erase(FromKey(recipient, sender, id));
  action.batch.Erase(OnceKey(recipient, static_cast<NotificationType>(notification.type()), sender,
                             StatusId(notification.status())));
}

std::vector<NotificationRecord> NotificationsService::Next(AccountId recipient,
                                                           const NotificationFilter& filter,
                                                           uint64_t& lower, uint64_t& upper,
                                                           bool upwards, size_t limit) {
  std::vector<NotificationRecord> found;
  size_t rows_left = limits::kNotificationScanRows;
  store::KeyRange index =
      filter.sender ? AllFrom(recipient, filter.sender) : AllNotifications(recipient);
  bool all_types = filter.type_mask == ~0u;
  while (found.size() < limit && rows_left > 0 && lower < upper) {
    size_t count = std::min(rows_left, all_types ? limit : std::max(limit, kFilteredScanRows));
    rows_left -= count;
    auto rows = committer_.store().Scan(store::PageScan(index, {lower, upper}, count, upwards));
    for (const store::Row& row : rows) {
      NotificationRecord record = ParseNotification(row.value);
      (upwards ? lower : upper) = record.id();
      if (filter.type_mask & NotificationFilter::Bit(record.type())) {
        found.push_back(std::move(record));
        if (found.size() == limit) return found;
      }
    }
    if (rows.size() < count) upper = lower;
  }
  return found;
}

std::optional<NotificationRecord> NotificationsService::Find(AccountId recipient,
                                                             NotificationId id) {
  auto value = committer_.store().Get(NotificationKey(recipient, id));
  if (!value) return std::nullopt;
  return ParseNotification(*value);
}

void NotificationsService::Dismiss(AccountId recipient, NotificationId id) {
  committer_.Run([&](events::Action& action) {
    auto value = committer_.store().Get(NotificationKey(recipient, id));
    if (!value) throw Error::NotFound();
    EraseNotification(action, recipient, *value);
  });
}

void NotificationsService::Clear(AccountId recipient) {
  events::Action action;
  action.batch.EraseRange(AllNotifications(recipient));
  action.batch.EraseRange(AllOnce(recipient));
  action.batch.EraseRange(AllFrom(recipient));
  action.batch.EraseRange(AllGroups(recipient));
  committer_.Commit(action);
}

std::vector<Marker> NotificationsService::GetMarkers(AccountId account,
                                                     const std::vector<MarkerTimeline>& timelines) {
  std::vector<std::string> keys;
  for (MarkerTimeline timeline : timelines) keys.push_back(MarkerKey(account, timeline));
  auto records = committer_.records().MultiGet<MarkerRecord>(keys);
  std::vector<Marker> markers;
  for (size_t i = 0; i < timelines.size(); ++i) {
    markers.push_back({timelines[i], records[i] ? *records[i] : MarkerRecord()});
  }
  return markers;
}

std::vector<Marker> NotificationsService::SetMarkers(
    AccountId account, const std::vector<std::pair<MarkerTimeline, uint64_t>>& last_read) {
  std::vector<std::string> keys;
  for (auto& [timeline, id] : last_read) keys.push_back(MarkerKey(account, timeline));
  auto values = committer_.store().MultiGet(keys);

  std::vector<Marker> markers;
  events::Action action;
  for (size_t i = 0; i < keys.size(); ++i) {
    MarkerRecord record;
    if (values[i] && !record.ParseFromString(*values[i]))
      throw std::runtime_error("notifications: bad marker");
    record.set_last_read_id(last_read[i].second);
    record.set_version(record.version() + 1);
    record.set_updated_ms(committer_.clock().NowMs());
    action.batch.ExpectUnchanged(keys[i], values[i]);
    action.batch.Put(keys[i], record.SerializeAsString());
    markers.push_back({last_read[i].first, std::move(record)});
  }
  if (!committer_.Commit(action)) {
    throw Error(ErrorCode::kConflict, "Conflict during update, please try again");
  }
  return markers;
}

}  // namespace stampede::notifications
