#include "features/relationships/service.h"

#include <algorithm>
#include <stdexcept>

#include "base/error.h"
#include "base/limits.h"
#include "codec/utf8.h"
#include "features/accounts/keys.h"
#include "features/accounts/records.pb.h"
#include "features/notifications/service.h"
#include "features/relationships/edit.h"
#include "store/page_scan.h"

namespace stampede::relationships {
namespace {

using accounts::AccountCounter;
using accounts::AccountRecord;

AccountRecord RequireAccount(const std::optional<std::string>& value) {
  AccountRecord account;
  if (!value) throw Error::NotFound();
  if (!account.ParseFromString(*value)) throw std::runtime_error("relationships: bad account");
  return account;
}

// What Follow decides by, in one round trip.
struct FollowFacts {
  Edit mine;
  Edit theirs;
  AccountRecord source;
  AccountRecord target;
  std::string target_value;
  int64_t following = 0;
  int64_t followers = 0;
};

FollowFacts ReadFollowFacts(events::Committer& committer, AccountId source, AccountId target) {
  const std::string keys[] = {
      RelationKey(source, target),
      RelationKey(target, source),
      accounts::AccountKey(source),
      accounts::AccountKey(target),
      accounts::CounterKey(source, AccountCounter::kFollowing),
      accounts::CounterKey(source, AccountCounter::kFollowers),
  };
  auto values = committer.store().MultiGet(keys);
  return {.mine = Edit(source, target, std::move(values[0])),
          .theirs = Edit(target, source, std::move(values[1])),
          .source = RequireAccount(values[2]),
          .target = RequireAccount(values[3]),
          .target_value = std::move(*values[3]),
          .following = store::DecodeCounter(values[4]),
          .followers = store::DecodeCounter(values[5])};
}

void CheckMayFollow(const FollowFacts& facts) {
  if (facts.target.suspended_ms() != 0) throw Error::NotFound();
  if (facts.mine.record().has_block() || facts.theirs.record().has_block()) {
    throw Error::Forbidden();
  }
}

// Once an account follows kFollowsMax, it may follow 1.1 times as many as follow it. The counters
// are not expectations: following many at the same moment may pass the limit by a few.
void CheckFollowLimit(const FollowFacts& facts) {
  int64_t most = std::max(limits::kFollowsMax, facts.followers * 11 / 10);
  if (facts.following >= most) {
    throw Error::Invalid("You cannot follow more than " + std::to_string(most) + " people");
  }
}

void Apply(const FollowOptions& options, FollowTerms& terms) {
  if (options.reblogs) terms.set_reblogs(*options.reblogs);
  if (options.notify) terms.set_notify(*options.notify);
  if (options.languages) {
    terms.mutable_languages()->Assign(options.languages->begin(), options.languages->end());
  }
}

FollowTerms NewTerms(const FollowOptions& options, events::Committer& committer, AccountId source) {
  FollowTerms terms;
  terms.set_id(committer.ids().Next<RelationId>(source.partition()).value());
  terms.set_reblogs(true);
  terms.set_created_ms(committer.clock().NowMs());
  Apply(options, terms);
  return terms;
}

// One direction, and the account it is about, which must exist.
Edit ReadMine(store::Store& store, AccountId me, AccountId them) {
  const std::string keys[] = {RelationKey(me, them), accounts::AccountKey(them)};
  auto values = store.MultiGet(keys);
  RequireAccount(values[1]);
  return Edit(me, them, std::move(values[0]));
}

Edit ReadEdit(store::Store& store, AccountId source, AccountId target) {
  return Edit(source, target, store.Get(RelationKey(source, target)));
}

store::ScanRequest PageOf(List list, AccountId owner, const store::IdBounds& bounds, size_t limit) {
  return store::PageScan(RowRange(list, owner), bounds, limit, false);
}

template <class Message>
Message ParseRow(const store::Row& row) {
  Message message;
  if (!message.ParseFromString(row.value)) throw std::runtime_error("relationships: bad row");
  return message;
}

ListedAccount ListedOfRow(List list, const store::Row& row) {
  ListedAccount listed{.id = RelationId(store::IdOfIndexKey(row.key))};
  if (list == List::kBlocks || list == List::kMutes) {
    auto relation = ParseRow<RelationRow>(row);
    listed.account = AccountId(relation.account());
    listed.expires_ms = relation.expires_ms();
  } else {
    listed.account = AccountId(ParseRow<FollowRow>(row).account());
  }
  return listed;
}

}  // namespace

RelationshipsService::RelationshipsService(events::Committer& committer) : committer_(committer) {}

void RelationshipsService::Follow(AccountId source, AccountId target,
                                  const FollowOptions& options) {
  if (source == target) throw Error::Forbidden();
  committer_.Run([&](events::Action& action) {
    FollowFacts facts = ReadFollowFacts(committer_, source, target);
    CheckMayFollow(facts);
    Edit& mine = facts.mine;
    if (mine.record().has_follow()) {
      FollowTerms terms = mine.record().follow();
      Apply(options, terms);
      mine.ChangeFollow(action, std::move(terms));
    } else if (mine.record().has_request()) {
      FollowTerms terms = mine.record().request();
      Apply(options, terms);
      mine.ChangeRequest(action, std::move(terms));
    } else {
      CheckFollowLimit(facts);
      FollowTerms terms = NewTerms(options, committer_, source);
      bool ask = facts.target.locked() || !facts.target.domain().empty() ||
                 facts.source.silenced_ms() != 0;
      if (ask) {
        // Or it would wait for ever when the target is unlocked at this moment.
        action.batch.ExpectUnchanged(accounts::AccountKey(target), facts.target_value);
        mine.StartRequest(action, std::move(terms));
      } else {
        mine.StartFollow(action, std::move(terms), Edit::Tell::kYes);
      }
    }
    Save(action, mine, facts.theirs);
  });
}

void RelationshipsService::Unfollow(AccountId source, AccountId target) {
  committer_.Run([&](events::Action& action) {
    Edit mine = ReadEdit(committer_.store(), source, target);
    mine.EndFollow(action);
    mine.EndRequest(action);
    Save(action, mine);
  });
}

void RelationshipsService::RemoveFollower(AccountId owner, AccountId follower) {
  committer_.Run([&](events::Action& action) {
    Edit theirs = ReadEdit(committer_.store(), follower, owner);
    theirs.EndFollow(action);
    Save(action, theirs);
  });
}

void RelationshipsService::AuthorizeRequest(AccountId owner, AccountId requester) {
  committer_.Run([&](events::Action& action) {
    Edit theirs = ReadEdit(committer_.store(), requester, owner);
    if (!theirs.record().has_request()) throw Error::NotFound();
    theirs.AcceptRequest(action, committer_, Edit::Tell::kYes);
    Save(action, theirs);
  });
}

void RelationshipsService::RejectRequest(AccountId owner, AccountId requester) {
  committer_.Run([&](events::Action& action) {
    Edit theirs = ReadEdit(committer_.store(), requester, owner);
    if (!theirs.record().has_request()) throw Error::NotFound();
    theirs.EndRequest(action);
    Save(action, theirs);
  });
}

void RelationshipsService::AuthorizeAllRequests(AccountId owner) {
  AcceptRequests request;
  request.set_owner(owner.value());
  request.set_below(UINT64_MAX);
  committer_.Run([&](events::Action& action) { AcceptSlice(action, request); });
}

void RelationshipsService::AcceptSlice(events::Action& action, const AcceptRequests& request) {
  AccountId owner(request.owner());
  store::Store& store = committer_.store();
  auto rows = store.Scan(PageOf(List::kRequests, owner, {.upper = request.below()},
                                limits::kAcceptedRequestsPerBatch));
  if (rows.empty()) return;
  std::vector<std::string> keys;
  std::vector<AccountId> requesters;
  for (const store::Row& row : rows) {
    requesters.push_back(ListedOfRow(List::kRequests, row).account);
    keys.push_back(RelationKey(requesters.back(), owner));
    keys.push_back(accounts::AccountKey(requesters.back()));
  }
  auto values = store.MultiGet(keys);
  for (size_t i = 0; i < requesters.size(); ++i) {
    // Requests of limited accounts stay for the owner to judge.
    if (!values[2 * i + 1] || RequireAccount(values[2 * i + 1]).silenced_ms() != 0) continue;
    Edit theirs(requesters[i], owner, std::move(values[2 * i]));
    if (!theirs.record().has_request()) continue;
    theirs.AcceptRequest(action, committer_, Edit::Tell::kNo);
    Save(action, theirs);
  }
  if (rows.size() < limits::kAcceptedRequestsPerBatch) return;
  AcceptRequests rest = request;
  rest.set_below(store::IdOfIndexKey(rows.back().key));
  action.Enqueue("accept_requests", owner.partition(), rest.SerializeAsString());
}

void RelationshipsService::Block(AccountId source, AccountId target) {
  if (source == target) return;
  committer_.Run([&](events::Action& action) {
    const std::string keys[] = {RelationKey(source, target), RelationKey(target, source),
                                accounts::AccountKey(target)};
    auto values = committer_.store().MultiGet(keys);
    RequireAccount(values[2]);
    Edit mine(source, target, std::move(values[0]));
    Edit theirs(target, source, std::move(values[1]));
    if (mine.record().has_block()) return;
    for (Edit* edit : {&mine, &theirs}) {
      edit->EndFollow(action);
      edit->EndRequest(action);
    }
    mine.StartBlock(action, committer_.ids().Next<RelationId>(source.partition()));
    Save(action, mine, theirs);
    notifications::ClearFrom(action, source, target);
  });
}

void RelationshipsService::Unblock(AccountId source, AccountId target) {
  committer_.Run([&](events::Action& action) {
    Edit mine = ReadEdit(committer_.store(), source, target);
    mine.EndBlock(action);
    Save(action, mine);
  });
}

void RelationshipsService::Mute(AccountId source, AccountId target, bool notifications,
                                int64_t duration_s) {
  if (source == target) return;
  if (duration_s < 0 || duration_s > limits::kMuteMsMax / 1000) {
    throw Error::Invalid("Duration is out of range");
  }
  committer_.Run([&](events::Action& action) {
    Edit mine = ReadMine(committer_.store(), source, target);
    MuteTerms terms = mine.record().mute();
    if (!mine.record().has_mute()) {
      terms.set_id(committer_.ids().Next<RelationId>(source.partition()).value());
    }
    terms.set_notifications(notifications);
    terms.set_expires_ms(duration_s == 0 ? 0 : committer_.clock().NowMs() + duration_s * 1000);
    mine.SetMute(action, std::move(terms));
    Save(action, mine);
  });
}

void RelationshipsService::Unmute(AccountId source, AccountId target) {
  committer_.Run([&](events::Action& action) {
    Edit mine = ReadEdit(committer_.store(), source, target);
    mine.EndMute(action);
    Save(action, mine);
  });
}

void RelationshipsService::ExpireMute(events::Action& action, const MuteExpiry& expiry) {
  Edit mine = ReadEdit(committer_.store(), AccountId(expiry.source()), AccountId(expiry.target()));
  if (mine.record().mute().expires_ms() != expiry.expires_ms()) return;
  mine.EndMute(action);
  Save(action, mine);
}

void RelationshipsService::SetNote(AccountId source, AccountId target, std::string_view note) {
  if (codec::CodePointCount(note) > limits::kRelationshipNoteCharsMax) {
    throw Error::Invalid("Comment is too long (maximum is " +
                         std::to_string(limits::kRelationshipNoteCharsMax) + " characters)");
  }
  committer_.Run([&](events::Action& action) {
    Edit mine = ReadMine(committer_.store(), source, target);
    mine.SetNote(note);
    Save(action, mine);
  });
}

Ties RelationshipsService::GetTies(AccountId me, AccountId them) {
  return GetTies(me, std::span<const AccountId>(&them, 1)).front();
}

std::vector<Ties> RelationshipsService::GetTies(AccountId me, std::span<const AccountId> them) {
  store::RecordFetch fetch(committer_.records());
  std::vector<TiesFetch> fetches;
  fetches.reserve(them.size());
  for (AccountId other : them) fetches.emplace_back(fetch, me, other);
  fetch.Run();
  std::vector<Ties> ties;
  ties.reserve(them.size());
  for (const TiesFetch& one : fetches) ties.push_back(one.Take());
  return ties;
}

std::vector<ListedAccount> RelationshipsService::ListPage(List list, AccountId owner,
                                                          const net::Page& page) {
  std::vector<ListedAccount> listed;
  int64_t now_ms = committer_.clock().NowMs();
  uint64_t upper = page.max_id;
  while (listed.size() < page.limit && upper > page.lower()) {
    size_t count = page.limit - listed.size();
    auto rows = committer_.store().Scan(PageOf(list, owner, {page.lower(), upper}, count));
    for (const store::Row& row : rows) {
      ListedAccount one = ListedOfRow(list, row);
      upper = one.id.value();
      if (one.expires_ms == 0 || one.expires_ms > now_ms) listed.push_back(one);
    }
    if (rows.size() < count) break;
  }
  return listed;
}

std::vector<Followee> RelationshipsService::AllFollowed(AccountId account) {
  std::vector<Followee> followed;
  uint64_t upper = UINT64_MAX;
  while (true) {
    auto rows = committer_.store().Scan(
        PageOf(List::kFollowing, account, {.upper = upper}, limits::kScanRowsMax));
    followed.reserve(followed.size() + rows.size());
    for (const store::Row& row : rows) {
      auto follow = ParseRow<FollowRow>(row);
      followed.push_back({AccountId(follow.account()),
                          follow.reblogs(),
                          {follow.languages().begin(), follow.languages().end()}});
    }
    if (rows.size() < limits::kScanRowsMax) return followed;
    upper = store::IdOfIndexKey(rows.back().key);
  }
}

}  // namespace stampede::relationships
