#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "events/committer.h"
#include "features/relationships/records.pb.h"

namespace stampede::relationships {

// What one account has decided about another, being changed inside an attempt: keeps the record,
// its index rows, the counters and the notifications in step. Only the service uses it. One thread.
// Each change may be made once per action; Save() then writes the record.
class Edit {
 public:
  // Whether the owner is notified of a new follower.
  enum class Tell { kNo, kYes };

  // `value` is the relation record as the attempt read it from the store.
  Edit(AccountId source, AccountId target, std::optional<std::string> value);

  const RelationRecord& record() const { return record_; }
  bool changed() const { return changed_; }

  // Ids of new relations may collide with those drawn by other nodes: the Start functions expect
  // their rows to be absent, and the attempt is made again.
  void StartFollow(events::Action& action, FollowTerms terms, Tell tell);
  void StartRequest(events::Action& action, FollowTerms terms);
  // Same relation, other terms. Nothing happens when they are the same.
  void ChangeFollow(events::Action& action, FollowTerms terms);
  void ChangeRequest(events::Action& action, FollowTerms terms);
  // Pre: there is a request. It becomes a follow that starts now.
  void AcceptRequest(events::Action& action, events::Committer& committer, Tell tell);
  // Pre: there is no block.
  void StartBlock(events::Action& action, RelationId id);
  void SetMute(events::Action& action, MuteTerms terms);
  // These do nothing when there is nothing to end.
  void EndFollow(events::Action& action);
  void EndRequest(events::Action& action);
  void EndBlock(events::Action& action);
  void EndMute(events::Action& action);
  void SetNote(std::string_view note);

 private:
  friend void Save(events::Action& action, Edit& edit);
  friend void Save(events::Action& action, Edit& mine, Edit& theirs);
  void ExpectUnchanged(events::Action& action) const;
  void Write(events::Action& action) const;
  void PutFollowRows(events::Action& action, const FollowTerms& terms) const;
  void PutRequestRow(events::Action& action, const FollowTerms& terms) const;
  void SetNotified(events::Action& action, bool before, bool after) const;
  void CountBlock(events::Action& action, int64_t delta) const;

  AccountId source_;
  AccountId target_;
  std::optional<std::string> value_read_;
  RelationRecord record_;
  bool changed_ = false;
  bool follow_changed_ = false;
};

// Writes and announces what changed, and expects that nobody else changed what was read; with both
// directions, in either of them. Leaves the action alone when nothing changed.
void Save(events::Action& action, Edit& edit);
void Save(events::Action& action, Edit& mine, Edit& theirs);

}  // namespace stampede::relationships
