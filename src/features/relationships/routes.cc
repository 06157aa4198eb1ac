#include "features/relationships/routes.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/limits.h"
#include "codec/iso_time.h"
#include "codec/language.h"
#include "features/accounts/keys.h"
#include "features/accounts/records.pb.h"
#include "features/accounts/view.h"
#include "features/relationships/view.h"
#include "net/page.h"

namespace stampede::relationships {
namespace {

using accounts::AccountRecord;
using codec::JsonWriter;
using net::Reply;
using net::Request;

FollowOptions ParseFollowOptions(const net::Params& params) {
  FollowOptions options;
  options.reblogs = params["reblogs"].Bool();
  options.notify = params["notify"].Bool();
  if (!params.Has("languages")) return options;
  options.languages.emplace();
  for (std::string_view language : params["languages"].Texts()) {
    if (language.empty()) continue;  // `languages[]=` is how a form says "all"
    if (!codec::IsKnownLanguage(language)) throw Error::Invalid("Languages is invalid");
    options.languages->emplace_back(language);
  }
  std::ranges::sort(*options.languages);
  auto repeated = std::ranges::unique(*options.languages);
  options.languages->erase(repeated.begin(), repeated.end());
  return options;
}

// The handlers. Thread-safe.
class Api {
 public:
  Api(RelationshipsService& service, store::Records& records, const Site& site, Clock& clock)
      : service_(service), records_(records), site_(site), clock_(clock) {}

  // Does something to the account of the path and answers with the relationship that came of it.
  template <class Command>
  Reply Change(Request& request, Command command) const {
    auto target = request.ArgId<AccountId>(0);
    Require(target);
    command(request.caller.account, target);
    return RelationshipReply(request.caller.account, target);
  }

  Reply Relationships(Request& request) const {
    auto ids = request.ParamIds<AccountId>("id");
    if (ids.size() > limits::kRelationshipIdsMax) throw Error::Invalid("Too many ids");
    bool with_suspended = request.params["with_suspended"].Bool().value_or(false);
    store::RecordFetch fetch(records_);
    std::vector<const std::shared_ptr<const AccountRecord>*> found;
    std::vector<TiesFetch> ties;
    for (AccountId id : ids) {
      found.push_back(&fetch.Want<AccountRecord>(accounts::AccountKey(id)));
      ties.emplace_back(fetch, request.caller.account, id);
    }
    fetch.Run();
    JsonWriter json;
    json.Array();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto& account = *found[i];
      if (!account || (account->suspended_ms() != 0 && !with_suspended)) continue;
      RenderRelationship(json, ids[i], ties[i].Take(), clock_.NowMs());
    }
    json.EndArray();
    return Reply::Json(json.TakeString());
  }

  // Followers or followed of anybody, unless they do not want that seen.
  Reply PublicList(Request& request, List list) const {
    auto owner = request.ArgId<AccountId>(0);
    AccountId viewer = request.caller.account;
    auto account = Require(owner);
    bool hidden = account->suspended_ms() != 0 || (account->hide_collections() && viewer != owner);
    if (!hidden && viewer) hidden = service_.GetTies(viewer, owner).blocked_by();
    if (hidden) return Reply::Json("[]");
    return ListReply(request, list, owner, viewer == owner ? AccountId() : viewer);
  }

  Reply OwnList(Request& request, List list) const {
    return ListReply(request, list, request.caller.account, AccountId());
  }

  Reply FamiliarFollowers(Request& request) const;

 private:
  struct ListedReads {
    ListedAccount listed;
    TiesFetch ties;
  };

  std::shared_ptr<const AccountRecord> Require(AccountId id) const {
    auto account = records_.Get<AccountRecord>(accounts::AccountKey(id));
    if (!account) throw Error::NotFound();
    return account;
  }

  Reply RelationshipReply(AccountId me, AccountId them) const {
    JsonWriter json;
    RenderRelationship(json, them, service_.GetTies(me, them), clock_.NowMs());
    return Reply::Json(json.TakeString());
  }

  // A page of accounts; `viewer` (none: nobody) does not see whom they block or mute, or who blocks
  // them.
  Reply ListReply(Request& request, List list, AccountId owner, AccountId viewer) const;
  void RenderListed(JsonWriter& json, List list, const accounts::AccountData& account,
                    int64_t expires_ms) const;

  RelationshipsService& service_;
  store::Records& records_;
  const Site& site_;
  Clock& clock_;
};

Reply Api::ListReply(Request& request, List list, AccountId owner, AccountId viewer) const {
  net::Page page = net::ParsePage(request, limits::kAccountsPageDefault, limits::kAccountsPageMax,
                                  net::PrevBy::kSinceId);
  auto rows = service_.ListPage(list, owner, page);
  store::RecordFetch fetch(records_);
  accounts::AccountFetch accounts(fetch);
  std::vector<ListedReads> reads;
  reads.reserve(rows.size());
  for (const ListedAccount& row : rows) {
    accounts.Want(row.account);
    reads.push_back({row, TiesFetch(fetch, viewer, row.account)});
  }
  fetch.Run();

  JsonWriter json(rows.size() * 1500 + 2);
  json.Array();
  for (const ListedReads& read : reads) {
    auto account = accounts.Take(read.listed.account);
    if (!account || account.account->suspended_ms() != 0) continue;
    Ties ties = read.ties.Take();
    if (ties.blocking() || ties.blocked_by() || ties.muting(clock_.NowMs())) continue;
    RenderListed(json, list, account, read.listed.expires_ms);
  }
  json.EndArray();
  Reply reply = Reply::Json(json.TakeString());
  if (rows.empty()) return reply;
  net::AddLinks(reply, request, page, site_.base_url,
                {.newest = rows.front().id.value(),
                 .oldest = rows.back().id.value(),
                 .more = rows.size() == page.limit,
                 .prev_by = net::PrevBy::kSinceId});
  return reply;
}

// An Account, or in the list of mutes a MutedAccount: the same with one more key.
void Api::RenderListed(JsonWriter& json, List list, const accounts::AccountData& account,
                       int64_t expires_ms) const {
  if (list != List::kMutes) return accounts::RenderAccount(json, account, site_);
  JsonWriter entity;
  accounts::RenderAccount(entity, account, site_);
  std::string text = entity.TakeString();
  text.pop_back();
  text += ",\"mute_expires_at\":";
  text += expires_ms == 0 ? "null" : "\"" + codec::IsoTime(expires_ms) + "\"";
  json.Raw(text + "}");
}

// Whom the caller follows among the newest followers of each account. Accounts that hide their
// network show up on neither side (docs.joinmastodon.org/methods/accounts, familiar_followers).
Reply Api::FamiliarFollowers(Request& request) const {
  auto ids = request.ParamIds<AccountId>("id");
  if (ids.size() > limits::kFamiliarFollowersIdsMax) throw Error::Invalid("Too many ids");
  std::unordered_set<AccountId> followed;
  for (const Followee& one : service_.AllFollowed(request.caller.account)) {
    followed.insert(one.account);
  }
  std::vector<std::vector<AccountId>> familiar;
  store::RecordFetch fetch(records_);
  accounts::AccountFetch accounts(fetch);
  for (AccountId id : ids) {
    accounts.Want(id);
    auto& mine = familiar.emplace_back();
    net::Page newest{.limit = limits::kFamiliarFollowersScanned};
    for (const ListedAccount& follower : service_.ListPage(List::kFollowers, id, newest)) {
      if (followed.contains(follower.account)) mine.push_back(follower.account);
    }
    for (AccountId follower : mine) accounts.Want(follower);
  }
  fetch.Run();

  auto shows_network = [](const accounts::AccountData& data) {
    return data && data.account->suspended_ms() == 0 && !data.account->hide_collections();
  };
  JsonWriter json;
  json.Array();
  for (size_t i = 0; i < ids.size(); ++i) {
    auto target = accounts.Take(ids[i]);
    if (!target) continue;
    json.Object().Field("id", ids[i]).Key("accounts").Array();
    for (AccountId follower : familiar[i]) {
      auto account = accounts.Take(follower);
      if (!shows_network(target) || !shows_network(account)) continue;
      accounts::RenderAccount(json, account, site_);
    }
    json.EndArray().EndObject();
  }
  json.EndArray();
  return Reply::Json(json.TakeString());
}

using Command = std::function<void(const Request&, AccountId me, AccountId them)>;

void AddCommands(net::RouteTable& table, const std::shared_ptr<const Api>& api,
                 RelationshipsService& service) {
  auto add = [&](std::string path, std::string scope, Command command,
                 net::RateClass rate = net::RateClass::kApi) {
    table.Add({.method = net::Method::kPost,
               .path = std::move(path),
               .auth = net::Auth::kUser,
               .scopes = std::move(scope),
               .rate = rate,
               .handler = [api, command = std::move(command)](Request& request) {
                 return api->Change(
                     request, [&](AccountId me, AccountId them) { command(request, me, them); });
               }});
  };
  const std::string account = "/api/v1/accounts/:id/";
  add(
      account + "follow", "write:follows",
      [&service](const Request& request, AccountId me, AccountId them) {
        service.Follow(me, them, ParseFollowOptions(request.params));
      },
      net::RateClass::kFollowing);
  add(account + "unfollow", "write:follows",
      [&service](const Request&, AccountId me, AccountId them) { service.Unfollow(me, them); });
  add(account + "remove_from_followers", "write:follows",
      [&service](const Request&, AccountId me, AccountId them) {
        service.RemoveFollower(me, them);
      });
  add(account + "block", "write:blocks",
      [&service](const Request&, AccountId me, AccountId them) { service.Block(me, them); });
  add(account + "unblock", "write:blocks",
      [&service](const Request&, AccountId me, AccountId them) { service.Unblock(me, them); });
  add(account + "mute", "write:mutes",
      [&service](const Request& request, AccountId me, AccountId them) {
        service.Mute(me, them, request.params["notifications"].Bool().value_or(true),
                     request.params["duration"].Int().value_or(0));
      });
  add(account + "unmute", "write:mutes",
      [&service](const Request&, AccountId me, AccountId them) { service.Unmute(me, them); });
  add(account + "note", "write:accounts",
      [&service](const Request& request, AccountId me, AccountId them) {
        service.SetNote(me, them, request.params["comment"].Text().value_or(""));
      });
  add("/api/v1/follow_requests/:id/authorize", "write:follows",
      [&service](const Request&, AccountId me, AccountId them) {
        service.AuthorizeRequest(me, them);
      });
  add("/api/v1/follow_requests/:id/reject", "write:follows",
      [&service](const Request&, AccountId me, AccountId them) {
        service.RejectRequest(me, them);
      });
}

void AddQueries(net::RouteTable& table, const std::shared_ptr<const Api>& api) {
  auto own = [&](std::string path, std::string scope, List list) {
    table.Add({.method = net::Method::kGet,
               .path = std::move(path),
               .auth = net::Auth::kUser,
               .scopes = std::move(scope),
               .handler = [api, list](Request& request) { return api->OwnList(request, list); }});
  };
  own("/api/v1/blocks", "read:blocks", List::kBlocks);
  own("/api/v1/mutes", "read:mutes", List::kMutes);
  own("/api/v1/follow_requests", "read:follows", List::kRequests);

  auto open = [&](std::string path, List list) {
    table.Add(
        {.method = net::Method::kGet,
         .path = std::move(path),
         .auth = net::Auth::kOptional,
         .scopes = "read:accounts",
         .caching = net::Caching::kPublic,
         .handler = [api, list](Request& request) { return api->PublicList(request, list); }});
  };
  open("/api/v1/accounts/:id/followers", List::kFollowers);
  open("/api/v1/accounts/:id/following", List::kFollowing);

  table.Add({.method = net::Method::kGet,
             .path = "/api/v1/accounts/relationships",
             .auth = net::Auth::kUser,
             .scopes = "read:follows",
             .handler = [api](Request& request) { return api->Relationships(request); }});
  table.Add({.method = net::Method::kGet,
             .path = "/api/v1/accounts/familiar_followers",
             .auth = net::Auth::kUser,
             .scopes = "read:follows",
             .handler = [api](Request& request) { return api->FamiliarFollowers(request); }});
}

}  // namespace

void AddRoutes(net::RouteTable& table, RelationshipsService& service, store::Records& records,
               const Site& site, Clock& clock) {
  auto api = std::make_shared<const Api>(service, records, site, clock);
  AddCommands(table, api, service);
  AddQueries(table, api);
}

}  // namespace stampede::relationships
