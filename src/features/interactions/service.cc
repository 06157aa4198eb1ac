#include "features/interactions/service.h"

#include "base/error.h"
#include "base/limits.h"
#include "features/accounts/keys.h"
#include "features/accounts/records.pb.h"
#include "features/interactions/keys.h"
#include "features/interactions/records.pb.h"
#include "features/notifications/service.h"
#include "features/relationships/keys.h"
#include "features/statuses/keys.h"
#include "features/statuses/policy.h"
#include "features/statuses/service.h"

namespace stampede::interactions {

namespace {

using notifications::NotificationType;
using relationships::Visibility;
using statuses::MyStatusRecord;
using statuses::NewestMarkRecord;
using statuses::StatusCounter;
using statuses::StatusRecord;

bool Parse(const std::optional<std::string>& value, google::protobuf::MessageLite& record) {
  return value && record.ParseFromString(*value);
}

// A post and what one account has done with it, as stored now.
struct Subject {
  StatusRecord post;
  StatusId id;
  AccountId author;
  std::string my_key;
  std::optional<std::string> my_value;
  MyStatusRecord mine;
  std::string newest_key;
  std::optional<std::string> newest_value;

  // Writes `mine`, provided that neither it nor the post's existence has changed since it was read.
  void Save(store::Batch& batch) const {
    batch.ExpectPresent(statuses::StatusKey(id));
    batch.ExpectUnchanged(my_key, my_value);
    if (mine.favourite_id() || mine.reblog_id()) {
      batch.Put(my_key, mine.SerializeAsString());
      RaiseNewest(batch);
    } else {
      batch.Erase(my_key);
    }
  }

 private:
  // The expectation keeps a slower mark of an older post from lowering it again.
  void RaiseNewest(store::Batch& batch) const {
    NewestMarkRecord newest;
    Parse(newest_value, newest);
    if (newest.status() >= id.value()) return;
    newest.set_status(id.value());
    batch.ExpectUnchanged(newest_key, newest_value);
    batch.Put(newest_key, newest.SerializeAsString());
  }
};

// Reads the post that `status` means, which the account must be able to see.
Subject ReadSubject(events::Committer& committer, AccountId account, StatusId status) {
  store::Store& store = committer.store();
  Subject subject;
  subject.id = status;
  subject.newest_key = statuses::NewestMarkKey(account);
  std::vector<std::string> keys = {statuses::StatusKey(status),
                                   statuses::MyStatusKey(account, status), subject.newest_key};
  auto values = store.MultiGet(keys);
  if (!Parse(values[0], subject.post)) throw Error::NotFound();
  if (subject.post.reblog_of()) {
    subject.id = StatusId(subject.post.reblog_of());
    keys = {statuses::StatusKey(subject.id), statuses::MyStatusKey(account, subject.id),
            subject.newest_key};
    values = store.MultiGet(keys);
    if (!Parse(values[0], subject.post)) throw Error::NotFound();
  }
  subject.author = AccountId(subject.post.author());
  subject.my_key = keys[1];
  subject.my_value = values[1];
  Parse(values[1], subject.mine);
  subject.newest_value = values[2];

  store::RecordFetch fetch(committer.records());
  relationships::TiesFetch ties(fetch, account, subject.author);
  const auto& author = fetch.Want<accounts::AccountRecord>(accounts::AccountKey(subject.author));
  fetch.Run();
  bool suspended = !author || author->suspended_ms() != 0;
  if (!statuses::VisibleTo(account, subject.post, suspended, ties.Take())) throw Error::NotFound();
  return subject;
}

// Boosting: not direct; private only one's own (docs.joinmastodon.org/methods/statuses#boost).
Visibility BoostVisibility(const Subject& subject, AccountId account,
                           std::optional<Visibility> asked, const accounts::UserRecord* user) {
  Visibility post = statuses::VisibilityOf(subject.post);
  if (post == Visibility::kDirect) throw Error::Forbidden();
  if (post == Visibility::kPrivate) {
    if (subject.author != account) throw Error::Forbidden();
    return Visibility::kPrivate;
  }
  if (asked) return *asked;
  if (user && user->default_visibility()) {
    auto preferred = static_cast<Visibility>(user->default_visibility() - 1);
    return preferred == Visibility::kDirect ? Visibility::kPrivate : preferred;
  }
  return Visibility::kPublic;
}

StatusRecord MakeBoost(const Subject& subject, AccountId account, StatusId id,
                       Visibility visibility) {
  StatusRecord boost;
  boost.set_id(id.value());
  boost.set_author(account.value());
  boost.set_visibility(static_cast<int>(visibility));
  boost.set_reblog_of(subject.id.value());
  boost.set_reblog_of_author(subject.author.value());
  boost.set_language(subject.post.language());
  boost.set_created_ms(id.time_ms());
  boost.set_thread_root(id.value());
  return boost;
}

// Takes a boost out of its author's outbox, together with the record itself.
void EraseBoost(events::Action& action, const StatusRecord& boost) {
  action.batch.Erase(statuses::StatusKey(StatusId(boost.id())));
  statuses::RemoveFromOutbox(action, boost);
}

template <class IndexRow>
std::vector<InteractionsService::Doer> Doers(store::Store& store, const store::KeyRange& range,
                                             const store::IdBounds& bounds, size_t limit) {
  std::vector<InteractionsService::Doer> doers;
  for (const store::Row& row : store.Scan(store::PageScan(range, bounds, limit, false))) {
    IndexRow value;
    if (!value.ParseFromString(row.value)) continue;
    doers.push_back({store::IdOfIndexKey(row.key), AccountId(value.account())});
  }
  return doers;
}

}  // namespace

StatusId InteractionsService::Favourite(AccountId account, StatusId status) {
  StatusId favourited;
  committer_.Run([&](events::Action& action) {
    Subject subject = ReadSubject(committer_, account, status);
    favourited = subject.id;
    if (subject.mine.favourite_id()) return;
    auto id = committer_.ids().Next<RelationId>(account.partition());
    subject.mine.set_favourite_id(id.value());
    subject.Save(action.batch);
    FavouritedByRow by;
    by.set_account(account.value());
    action.batch.Put(FavouritedByKey(subject.id, id), by.SerializeAsString());
    FavouriteRow row;
    row.set_status(subject.id.value());
    action.batch.Put(FavouriteKey(account, id), row.SerializeAsString());
    action.batch.Add(statuses::CounterKey(subject.id, StatusCounter::kFavourites), 1);
    action.Announce(events::EventKind::kInteraction, account, "");
    if (subject.author != account) {
      notifications::Notify(action, NotificationType::kFavourite, subject.author, account,
                            subject.id, FavouritedByKey(subject.id, id));
    }
  });
  return favourited;
}

StatusId InteractionsService::Unfavourite(AccountId account, StatusId status) {
  StatusId unfavourited;
  committer_.Run([&](events::Action& action) {
    Subject subject = ReadSubject(committer_, account, status);
    unfavourited = subject.id;
    RelationId id(subject.mine.favourite_id());
    if (!id) return;
    subject.mine.clear_favourite_id();
    subject.Save(action.batch);
    action.batch.Erase(FavouritedByKey(subject.id, id));
    action.batch.Erase(FavouriteKey(account, id));
    action.batch.Add(statuses::CounterKey(subject.id, StatusCounter::kFavourites), -1);
    action.Announce(events::EventKind::kInteraction, account, "");
    notifications::Retract(action, NotificationType::kFavourite, subject.author, account,
                           subject.id);
  });
  return unfavourited;
}

StatusId InteractionsService::Reblog(AccountId account, StatusId status,
                                     std::optional<Visibility> visibility) {
  StatusId boosted;
  store::RecordFetch fetch(committer_.records());
  const auto& user = fetch.Want<accounts::UserRecord>(accounts::UserKey(account));
  const auto& counters = fetch.Want<store::Counters>(accounts::CountersKey(account));
  fetch.Run();
  committer_.Run([&](events::Action& action) {
    Subject subject = ReadSubject(committer_, account, status);
    if (subject.mine.reblog_id()) {
      boosted = StatusId(subject.mine.reblog_id());
      return;
    }
    Visibility seen_by = BoostVisibility(subject, account, visibility, user.get());
    boosted = committer_.ids().Next<StatusId>(account.partition());
    StatusRecord boost = MakeBoost(subject, account, boosted, seen_by);
    action.batch.ExpectAbsent(statuses::StatusKey(boosted));
    action.batch.Put(statuses::StatusKey(boosted), boost.SerializeAsString());
    statuses::AddToOutbox(action, boost, *counters);
    subject.mine.set_reblog_id(boosted.value());
    subject.Save(action.batch);
    RebloggedByRow by;
    by.set_account(account.value());
    action.batch.Put(RebloggedByKey(subject.id, boosted), by.SerializeAsString());
    action.batch.Add(statuses::CounterKey(subject.id, StatusCounter::kReblogs), 1);
    if (subject.author != account) {
      notifications::Notify(action, NotificationType::kReblog, subject.author, account, subject.id,
                            RebloggedByKey(subject.id, boosted));
    }
  });
  return boosted;
}

StatusId InteractionsService::Unreblog(AccountId account, StatusId status) {
  StatusId original;
  committer_.Run([&](events::Action& action) {
    Subject subject = ReadSubject(committer_, account, status);
    original = subject.id;
    StatusId boosted(subject.mine.reblog_id());
    StatusRecord boost;
    if (!boosted || !Parse(committer_.store().Get(statuses::StatusKey(boosted)), boost)) return;
    subject.mine.clear_reblog_id();
    subject.Save(action.batch);
    EraseBoost(action, boost);
    action.batch.Erase(RebloggedByKey(subject.id, boosted));
    action.batch.Add(statuses::CounterKey(subject.id, StatusCounter::kReblogs), -1);
    notifications::Retract(action, NotificationType::kReblog, subject.author, account, subject.id);
  });
  return original;
}

std::vector<InteractionsService::Doer> InteractionsService::FavouritedBy(
    StatusId status, const store::IdBounds& bounds, size_t limit) {
  return Doers<FavouritedByRow>(committer_.store(), FavouritedByRange(status), bounds, limit);
}

std::vector<InteractionsService::Doer> InteractionsService::RebloggedBy(
    StatusId status, const store::IdBounds& bounds, size_t limit) {
  return Doers<RebloggedByRow>(committer_.store(), RebloggedByRange(status), bounds, limit);
}

std::vector<InteractionsService::Favourited> InteractionsService::Favourites(
    AccountId account, const store::IdBounds& bounds, size_t limit, bool upwards) {
  std::vector<Favourited> favourites;
  auto rows =
      committer_.store().Scan(store::PageScan(FavouriteRange(account), bounds, limit, upwards));
  for (const store::Row& row : rows) {
    FavouriteRow value;
    if (!value.ParseFromString(row.value)) continue;
    favourites.push_back({RelationId(store::IdOfIndexKey(row.key)), StatusId(value.status())});
  }
  return favourites;
}

bool InteractionsService::CleanSlice(const statuses::StatusDeleted& deleted,
                                     events::Action& action) {
  constexpr size_t kSlice = 100;
  StatusId id(deleted.id());
  std::vector<store::ScanRequest> scans = {{.range = FavouritedByRange(id), .limit = kSlice},
                                           {.range = RebloggedByRange(id), .limit = kSlice}};
  auto rows = committer_.store().MultiScan(scans);
  for (const store::Row& row : rows[0]) {
    FavouritedByRow by;
    by.ParseFromString(row.value);
    AccountId account(by.account());
    action.batch.Erase(row.key);
    action.batch.Erase(FavouriteKey(account, RelationId(store::IdOfIndexKey(row.key))));
    action.batch.Erase(statuses::MyStatusKey(account, id));
  }
  for (const store::Row& row : rows[1]) {
    RebloggedByRow by;
    by.ParseFromString(row.value);
    StatusId boosted(store::IdOfIndexKey(row.key));
    action.batch.Erase(row.key);
    std::string my_key = statuses::MyStatusKey(AccountId(by.account()), id);
    bool erased = std::ranges::any_of(action.batch.writes(),
                                      [&](const auto& write) { return write.key == my_key; });
    if (!erased) action.batch.Erase(my_key);
    StatusRecord boost;
    if (Parse(committer_.store().Get(statuses::StatusKey(boosted)), boost)) {
      EraseBoost(action, boost);
    }
  }
  return rows[0].size() < kSlice && rows[1].size() < kSlice;
}

}  // namespace stampede::interactions
