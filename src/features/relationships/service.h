#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "events/committer.h"
#include "features/relationships/keys.h"
#include "features/relationships/policy.h"
#include "net/page.h"

namespace stampede::relationships {

struct FollowOptions {
  std::optional<bool> reblogs;
  std::optional<bool> notify;
  std::optional<std::vector<std::string>> languages;
};

struct ListedAccount {
  RelationId id;  // the cursor
  AccountId account;
  int64_t expires_ms = 0;  // of mutes; 0: never
};

struct Followee {
  AccountId account;
  bool reblogs = true;
  std::vector<std::string> languages;
};

// Commands and queries on who follows, blocks and mutes whom. Thread-safe. Every command is
// idempotent and commits one batch; refusals are Errors. A command on an account that does not
// exist throws kNotFound or does nothing.
class RelationshipsService {
 public:
  explicit RelationshipsService(events::Committer& committer);

  // Follows, asks to follow (locked target), or changes the terms of either. Throws kForbidden for
  // oneself, blocked or blocking accounts; kNotFound for missing or suspended ones; kInvalid over
  // limits::kFollowsMax.
  void Follow(AccountId source, AccountId target, const FollowOptions& options);
  void Unfollow(AccountId source, AccountId target);  // also withdraws a request
  void RemoveFollower(AccountId owner, AccountId follower);
  void AuthorizeRequest(AccountId owner, AccountId requester);  // kNotFound without a request
  void RejectRequest(AccountId owner, AccountId requester);
  // An account was unlocked: accepts limits::kAcceptedRequestsPerBatch requests now, and the others
  // by a job. Those of limited accounts stay.
  void AuthorizeAllRequests(AccountId owner);
  void Block(AccountId source, AccountId target);
  void Unblock(AccountId source, AccountId target);
  // `duration_s` 0 is for ever.
  void Mute(AccountId source, AccountId target, bool notifications, int64_t duration_s);
  void Unmute(AccountId source, AccountId target);
  void SetNote(AccountId source, AccountId target, std::string_view note);

  // What the room's jobs do (jobs.h): accept the next slice of requests, and end a mute.
  void AcceptSlice(events::Action& action, const AcceptRequests& request);
  void ExpireMute(events::Action& action, const MuteExpiry& expiry);

  Ties GetTies(AccountId me, AccountId them);
  std::vector<Ties> GetTies(AccountId me, std::span<const AccountId> them);
  // One page of a list, newest relation first. Mutes that are over are left out.
  std::vector<ListedAccount> ListPage(List list, AccountId owner, const net::Page& page);
  // Everybody `account` follows, in pages of the store; for feeds.
  std::vector<Followee> AllFollowed(AccountId account);

 private:
  events::Committer& committer_;
};

}  // namespace stampede::relationships
