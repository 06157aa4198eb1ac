#include "features/notifications/jobs.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/limits.h"
#include "features/accounts/keys.h"
#include "features/accounts/records.pb.h"
#include "features/notifications/service.h"
#include "features/relationships/keys.h"
#include "features/relationships/policy.h"
#include "features/statuses/keys.h"
#include "features/statuses/records.pb.h"

namespace stampede::notifications {
namespace {

using accounts::AccountRecord;
using relationships::Ties;
using statuses::StatusRecord;

constexpr int64_t kHourMs = 3'600'000;
// A group spans at most so many hours (Mastodon: app/models/concerns/notification/groups.rb).
constexpr int64_t kGroupHoursMax = 12;
constexpr size_t kClearedPerBatch = 200;

template <class Payload>
Payload Parse(std::string_view bytes) {
  Payload payload;
  if (!payload.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw std::runtime_error("notifications: a payload or record does not parse");
  }
  return payload;
}

bool Groupable(NotificationType type) {
  return type == NotificationType::kFavourite || type == NotificationType::kReblog ||
         type == NotificationType::kFollow;
}

// One run of "notify".
class Notifying {
 public:
  Notifying(events::Committer& committer, const NotifyRequest& request)
      : committer_(committer),
        request_(request),
        type_(static_cast<NotificationType>(request.type())),
        recipient_(request.recipient()),
        sender_(request.sender()),
        status_(request.status()) {}

  void Run(events::Action& action) {
    bool from_oneself = sender_ == recipient_ && type_ != NotificationType::kPoll;
    if (!from_oneself && Wanted()) Tell(action);
  }

 private:
  bool Wanted() const;
  bool StatusWanted(const StatusRecord& status, const Ties& ties) const;
  bool InvolvesUnwanted(const StatusRecord& status) const;
  bool Unwanted(const Ties& ties) const;
  void Tell(events::Action& action) const;
  std::string ChooseGroup(events::Action& action, NotificationId id,
                          const std::optional<std::string>& group_value) const;
  void KeepToldOnce(events::Action& action, const std::string& old_value) const;
  void Put(events::Action& action, const NotificationRecord& record) const;

  events::Committer& committer_;
  const NotifyRequest& request_;
  NotificationType type_;
  AccountId recipient_;
  AccountId sender_;
  StatusId status_;
};

// docs.joinmastodon.org/entities/Notification; the rules of Mastodon's NotifyService.
bool Notifying::Wanted() const {
  store::RecordFetch fetch(committer_.records());
  auto& owner = fetch.Want<AccountRecord>(accounts::AccountKey(recipient_));
  auto& user = fetch.Want<accounts::UserRecord>(accounts::UserKey(recipient_));
  auto& sender = fetch.Want<AccountRecord>(accounts::AccountKey(sender_));
  relationships::TiesFetch ties_fetch(fetch, recipient_, sender_);
  auto& status = fetch.Want<StatusRecord>(statuses::StatusKey(status_));
  fetch.Run();

  if (!owner || owner->suspended_ms() != 0 || !user) return false;
  if (!sender || sender->suspended_ms() != 0) return false;
  Ties ties = ties_fetch.Take();
  if (Unwanted(ties)) return false;
  if (sender->silenced_ms() != 0 && !ties.following()) return false;
  if (!status_) return true;
  return status && StatusWanted(*status, ties) && !InvolvesUnwanted(*status);
}

bool Notifying::Unwanted(const Ties& ties) const {
  if (ties.blocking()) return true;
  return ties.muting(committer_.clock().NowMs()) && ties.mine->mute().notifications();
}

bool Notifying::StatusWanted(const StatusRecord& status, const Ties& ties) const {
  AccountId author(status.author());
  if (author == recipient_) return true;
  if (author != sender_) return false;
  if (type_ == NotificationType::kStatus) {
    bool still_asked_for = ties.following() && ties.mine->follow().notify();
    if (!still_asked_for) return false;
  }
  std::vector<AccountId> mentions;
  for (const statuses::Mention& mention : status.mentions()) {
    mentions.emplace_back(mention.account());
  }
  return relationships::Visible(
      recipient_,
      {.author = author,
       .visibility = static_cast<relationships::Visibility>(status.visibility()),
       .mentions = mentions},
      ties);
}

// A mention that also involves somebody whom the recipient has blocked.
bool Notifying::InvolvesUnwanted(const StatusRecord& status) const {
  if (type_ != NotificationType::kMention) return false;
  store::RecordFetch fetch(committer_.records());
  std::vector<relationships::TiesFetch> involved;
  for (const statuses::Mention& mention : status.mentions()) {
    involved.emplace_back(fetch, recipient_, AccountId(mention.account()));
  }
  if (AccountId replied_to(status.in_reply_to_account()); replied_to) {
    involved.emplace_back(fetch, recipient_, replied_to);
  }
  fetch.Run();
  return std::ranges::any_of(
      involved, [&](const relationships::TiesFetch& one) { return Unwanted(one.Take()); });
}

// Creates the notification unless it was told already. The expectations make it exact: the cause is
// still there, and nobody else tells the same, when the action commits.
void Notifying::Tell(events::Action& action) const {
  const std::string once_key = OnceKey(recipient_, type_, sender_, status_);
  std::vector<std::string> keys = {once_key, GroupKey(recipient_, type_, status_)};
  if (!request_.cause().empty()) keys.push_back(request_.cause());
  auto values = committer_.store().MultiGet(keys);
  if (!request_.cause().empty()) {
    if (!values[2]) return;
    action.batch.ExpectPresent(request_.cause());
  }
  action.batch.ExpectUnchanged(once_key, values[0]);
  if (values[0]) {
    NotificationId old(Parse<NotificationRef>(*values[0]).id());
    auto old_value = committer_.store().Get(NotificationKey(recipient_, old));
    if (old_value && type_ != NotificationType::kUpdate) return KeepToldOnce(action, *old_value);
    // A newer edit replaces what told of the one before.
    action.batch.Erase(NotificationKey(recipient_, old));
    action.batch.Erase(FromKey(recipient_, sender_, old));
  }

  auto id = committer_.ids().Next<NotificationId>(recipient_.partition());
  NotificationRecord record;
  record.set_id(id.value());
  record.set_type(request_.type());
  record.set_sender(sender_.value());
  record.set_status(status_.value());
  record.set_created_ms(committer_.clock().NowMs());
  record.set_cause(request_.cause());
  record.set_group_key(ChooseGroup(action, id, values[1]));
  action.batch.ExpectAbsent(NotificationKey(recipient_, id));
  Put(action, record);
  NotificationRef ref;
  ref.set_id(id.value());
  action.batch.Put(once_key, ref.SerializeAsString());

  NotificationCreated created;
  created.set_recipient(recipient_.value());
  created.set_id(id.value());
  created.set_type(request_.type());
  created.set_sender(sender_.value());
  created.set_status(status_.value());
  action.Announce(events::EventKind::kNotificationCreated, recipient_, created.SerializeAsString());
}

// The same thing was done again (followed, unfollowed, followed) before the first notification was
// taken back: it now tells of the newer cause, so that taking it back leaves it alone.
void Notifying::KeepToldOnce(events::Action& action, const std::string& old_value) const {
  auto record = Parse<NotificationRecord>(old_value);
  if (record.cause() == request_.cause()) return;
  action.batch.ExpectUnchanged(NotificationKey(recipient_, NotificationId(record.id())), old_value);
  record.set_cause(request_.cause());
  Put(action, record);
}

void Notifying::Put(events::Action& action, const NotificationRecord& record) const {
  NotificationId id(record.id());
  std::string value = record.SerializeAsString();
  action.batch.Put(NotificationKey(recipient_, id), value);
  action.batch.Put(FromKey(recipient_, sender_, id), value);
}

// "favourite-<status>-<hour>": the group's first hour. Two jobs at the same moment may begin two
// groups; hours make that harmless.
std::string Notifying::ChooseGroup(events::Action& action, NotificationId id,
                                   const std::optional<std::string>& group_value) const {
  if (!Groupable(type_)) return "ungrouped-" + id.ToString();
  int64_t hour = committer_.clock().NowMs() / kHourMs;
  int64_t begun = group_value ? Parse<GroupRecord>(*group_value).hour() : 0;
  if (hour < begun + kGroupHoursMax) {
    hour = begun;
  } else {
    GroupRecord group;
    group.set_hour(hour);
    action.batch.Put(GroupKey(recipient_, type_, status_), group.SerializeAsString());
  }
  std::string key(NotificationTypeName(type_));
  if (status_) key += "-" + status_.ToString();
  return key + "-" + std::to_string(hour);
}

void Unnotify(events::Committer& committer, const NotifyRequest& request, events::Action& action) {
  AccountId recipient(request.recipient());
  store::Store& store = committer.store();
  auto once = store.Get(OnceKey(recipient, static_cast<NotificationType>(request.type()),
                                AccountId(request.sender()), StatusId(request.status())));
  if (!once) return;
  auto value =
      store.Get(NotificationKey(recipient, NotificationId(Parse<NotificationRef>(*once).id())));
  if (!value) return;
  auto record = Parse<NotificationRecord>(*value);
  // Done again in the meantime.
  if (!record.cause().empty() && store.Get(record.cause())) return;
  EraseNotification(action, recipient, *value);
}

void ClearSlice(events::Committer& committer, const ClearRequest& request, std::string_view payload,
                events::Action& action) {
  AccountId recipient(request.recipient());
  auto rows = committer.store().Scan(
      {.range = AllFrom(recipient, AccountId(request.sender())), .limit = kClearedPerBatch});
  for (const store::Row& row : rows) EraseNotification(action, recipient, row.value);
  if (rows.size() == kClearedPerBatch) {
    action.Enqueue("clear_notifications", recipient.partition(), std::string(payload));
  }
}

void NotifyFollowersSlice(events::Committer& committer, NotifyFollowersRequest request,
                          events::Action& action) {
  AccountId author(request.author());
  StatusId status_id(request.status());
  auto status = committer.records().Get<StatusRecord>(statuses::StatusKey(status_id));
  if (!status || status->reblog_of() != 0) return;
  if (status->in_reply_to_id() != 0 && status->in_reply_to_account() != author.value()) return;

  auto rows = committer.store().Scan(
      {.range = relationships::NotifiedFollowerRange(author, AccountId(request.after())),
       .limit = limits::kNotifiedFollowersPerBatch});
  for (const store::Row& row : rows) {
    AccountId follower = relationships::NotifiedFollowerOf(row.key);
    Notify(action, NotificationType::kStatus, follower, author, status_id);
    request.set_after(follower.value());
  }
  if (rows.size() == limits::kNotifiedFollowersPerBatch) {
    action.Enqueue("notify_followers", author.partition(), request.SerializeAsString());
  }
}

}  // namespace

void AddJobs(jobs::JobRunner& runner, events::Committer& committer) {
  runner.Add({.name = "notify",
              .workers = 4,
              .run = [&committer](const jobs::Job& job, events::Action& action) {
                auto request = Parse<NotifyRequest>(job.payload);
                Notifying(committer, request).Run(action);
              }});
  runner.Add({.name = "unnotify",
              .workers = 2,
              .run = [&committer](const jobs::Job& job, events::Action& action) {
                Unnotify(committer, Parse<NotifyRequest>(job.payload), action);
              }});
  runner.Add({.name = "notify_followers",
              .workers = 1,
              .run = [&committer](const jobs::Job& job, events::Action& action) {
                NotifyFollowersSlice(committer, Parse<NotifyFollowersRequest>(job.payload), action);
              }});
  runner.Add({.name = "clear_notifications",
              .workers = 1,
              .run = [&committer](const jobs::Job& job, events::Action& action) {
                ClearSlice(committer, Parse<ClearRequest>(job.payload), job.payload, action);
              }});
}

}  // namespace stampede::notifications
