#include "features/relationships/edit.h"

#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "features/accounts/keys.h"
#include "features/notifications/service.h"
#include "features/relationships/keys.h"

namespace stampede::relationships {
namespace {

using accounts::AccountCounter;
using notifications::NotificationType;

std::string MakeFollowRow(AccountId other_side, const FollowTerms& terms) {
  FollowRow row;
  row.set_reblogs(terms.reblogs());
  row.set_notify(terms.notify());
  *row.mutable_languages() = terms.languages();
  row.set_account(other_side.value());
  return row.SerializeAsString();
}

std::string MakeRelationRow(AccountId other_side, int64_t expires_ms) {
  RelationRow row;
  row.set_account(other_side.value());
  row.set_expires_ms(expires_ms);
  return row.SerializeAsString();
}

void CountRestriction(events::Action& action, AccountId account, int64_t delta) {
  action.batch.Add(accounts::CounterKey(account, AccountCounter::kRestrictions), delta);
}

bool SameTerms(const FollowTerms& a, const FollowTerms& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

Edit::Edit(AccountId source, AccountId target, std::optional<std::string> value)
    : source_(source), target_(target), value_read_(std::move(value)) {
  if (value_read_ && !record_.ParseFromString(*value_read_)) {
    throw std::runtime_error("relationships: a relation record does not parse");
  }
}

void Edit::PutFollowRows(events::Action& action, const FollowTerms& terms) const {
  RelationId id(terms.id());
  action.batch.Put(RowKey(List::kFollowing, source_, id), MakeFollowRow(target_, terms));
  action.batch.Put(RowKey(List::kFollowers, target_, id), MakeFollowRow(source_, terms));
}

void Edit::PutRequestRow(events::Action& action, const FollowTerms& terms) const {
  action.batch.Put(RowKey(List::kRequests, target_, RelationId(terms.id())),
                   MakeFollowRow(source_, terms));
}

void Edit::SetNotified(events::Action& action, bool before, bool after) const {
  if (before == after) return;
  std::string key = NotifiedFollowerKey(target_, source_);
  if (after) {
    action.batch.Put(std::move(key), {});
  } else {
    action.batch.Erase(std::move(key));
  }
  action.batch.Add(accounts::CounterKey(target_, AccountCounter::kNotifiedFollowers),
                   after ? 1 : -1);
}

// It restricts both: what each shows the other.
void Edit::CountBlock(events::Action& action, int64_t delta) const {
  CountRestriction(action, source_, delta);
  CountRestriction(action, target_, delta);
}

void Edit::StartFollow(events::Action& action, FollowTerms terms, Tell tell) {
  std::string follower_key = RowKey(List::kFollowers, target_, RelationId(terms.id()));
  action.batch.ExpectAbsent(RowKey(List::kFollowing, source_, RelationId(terms.id())));
  action.batch.ExpectAbsent(follower_key);
  PutFollowRows(action, terms);
  SetNotified(action, false, terms.notify());
  action.batch.Add(accounts::CounterKey(source_, AccountCounter::kFollowing), 1);
  action.batch.Add(accounts::CounterKey(target_, AccountCounter::kFollowers), 1);
  if (tell == Tell::kYes) {
    notifications::Notify(action, NotificationType::kFollow, target_, source_, {}, follower_key);
  }
  *record_.mutable_follow() = std::move(terms);
  changed_ = follow_changed_ = true;
}

void Edit::StartRequest(events::Action& action, FollowTerms terms) {
  std::string key = RowKey(List::kRequests, target_, RelationId(terms.id()));
  action.batch.ExpectAbsent(key);
  PutRequestRow(action, terms);
  action.batch.Add(accounts::CounterKey(target_, AccountCounter::kFollowRequests), 1);
  notifications::Notify(action, NotificationType::kFollowRequest, target_, source_, {}, key);
  *record_.mutable_request() = std::move(terms);
  changed_ = true;
}

void Edit::ChangeFollow(events::Action& action, FollowTerms terms) {
  if (SameTerms(terms, record_.follow())) return;
  PutFollowRows(action, terms);
  SetNotified(action, record_.follow().notify(), terms.notify());
  *record_.mutable_follow() = std::move(terms);
  changed_ = follow_changed_ = true;
}

void Edit::ChangeRequest(events::Action& action, FollowTerms terms) {
  if (SameTerms(terms, record_.request())) return;
  PutRequestRow(action, terms);
  *record_.mutable_request() = std::move(terms);
  changed_ = true;
}

void Edit::AcceptRequest(events::Action& action, events::Committer& committer, Tell tell) {
  STAMPEDE_CHECK(record_.has_request());
  FollowTerms terms = record_.request();
  EndRequest(action);
  terms.set_id(committer.ids().Next<RelationId>(source_.partition()).value());
  terms.set_created_ms(committer.clock().NowMs());
  StartFollow(action, std::move(terms), tell);
}

void Edit::EndFollow(events::Action& action) {
  if (!record_.has_follow()) return;
  RelationId id(record_.follow().id());
  action.batch.Erase(RowKey(List::kFollowing, source_, id));
  action.batch.Erase(RowKey(List::kFollowers, target_, id));
  SetNotified(action, record_.follow().notify(), false);
  action.batch.Add(accounts::CounterKey(source_, AccountCounter::kFollowing), -1);
  action.batch.Add(accounts::CounterKey(target_, AccountCounter::kFollowers), -1);
  notifications::Retract(action, NotificationType::kFollow, target_, source_);
  record_.clear_follow();
  changed_ = follow_changed_ = true;
}

void Edit::EndRequest(events::Action& action) {
  if (!record_.has_request()) return;
  action.batch.Erase(RowKey(List::kRequests, target_, RelationId(record_.request().id())));
  action.batch.Add(accounts::CounterKey(target_, AccountCounter::kFollowRequests), -1);
  notifications::Retract(action, NotificationType::kFollowRequest, target_, source_);
  record_.clear_request();
  changed_ = true;
}

void Edit::StartBlock(events::Action& action, RelationId id) {
  std::string key = RowKey(List::kBlocks, source_, id);
  action.batch.ExpectAbsent(key);
  action.batch.Put(std::move(key), MakeRelationRow(target_, 0));
  CountBlock(action, 1);
  record_.mutable_block()->set_id(id.value());
  changed_ = true;
}

void Edit::EndBlock(events::Action& action) {
  if (!record_.has_block()) return;
  action.batch.Erase(RowKey(List::kBlocks, source_, RelationId(record_.block().id())));
  CountBlock(action, -1);
  record_.clear_block();
  changed_ = true;
}

void Edit::SetMute(events::Action& action, MuteTerms terms) {
  if (record_.has_mute() && terms.SerializeAsString() == record_.mute().SerializeAsString()) return;
  std::string key = RowKey(List::kMutes, source_, RelationId(terms.id()));
  if (!record_.has_mute()) {
    action.batch.ExpectAbsent(key);
    CountRestriction(action, source_, 1);
  }
  action.batch.Put(std::move(key), MakeRelationRow(target_, terms.expires_ms()));
  if (terms.expires_ms() != 0) {
    MuteExpiry expiry;
    expiry.set_source(source_.value());
    expiry.set_target(target_.value());
    expiry.set_expires_ms(terms.expires_ms());
    action.Enqueue("mute_expire", source_.partition(), expiry.SerializeAsString(),
                   terms.expires_ms());
  }
  *record_.mutable_mute() = std::move(terms);
  changed_ = true;
}

void Edit::EndMute(events::Action& action) {
  if (!record_.has_mute()) return;
  action.batch.Erase(RowKey(List::kMutes, source_, RelationId(record_.mute().id())));
  CountRestriction(action, source_, -1);
  record_.clear_mute();
  changed_ = true;
}

void Edit::SetNote(std::string_view note) {
  if (note == record_.note()) return;
  record_.set_note(note.data(), note.size());
  changed_ = true;
}

void Edit::ExpectUnchanged(events::Action& action) const {
  action.batch.ExpectUnchanged(RelationKey(source_, target_), value_read_);
}

void Edit::Write(events::Action& action) const {
  std::string value = record_.SerializeAsString();
  if (value.empty()) {
    action.batch.Erase(RelationKey(source_, target_));
  } else {
    action.batch.Put(RelationKey(source_, target_), std::move(value));
  }
  RelationChanged change;
  change.set_source(source_.value());
  change.set_target(target_.value());
  change.set_follow_changed(follow_changed_);
  action.Announce(events::EventKind::kRelationChanged, source_, change.SerializeAsString());
}

void Save(events::Action& action, Edit& edit) {
  if (!edit.changed_) return;
  edit.ExpectUnchanged(action);
  edit.Write(action);
}

void Save(events::Action& action, Edit& mine, Edit& theirs) {
  if (!mine.changed_ && !theirs.changed_) return;
  for (Edit* edit : {&mine, &theirs}) {
    edit->ExpectUnchanged(action);
    if (edit->changed_) edit->Write(action);
  }
}

}  // namespace stampede::relationships
