#include "features/interactions/routes.h"

#include "base/error.h"
#include "base/limits.h"
#include "features/accounts/view.h"
#include "features/statuses/policy.h"
#include "net/page.h"

namespace stampede::interactions {

namespace {

using net::Auth;
using net::Method;
using net::Page;
using net::PrevBy;
using net::Reply;
using net::Request;
using relationships::Visibility;
using statuses::StatusData;

Reply RenderOne(const RouteDeps& deps, const Request& request, StatusId id) {
  codec::JsonWriter json(4096);
  deps.views.Render(json, deps.views.LoadOne(request.caller.account, id), request.caller);
  return Reply::Json(json.TakeString());
}

Reply Favourite(const RouteDeps& deps, Request& request) {
  return RenderOne(deps, request,
                   deps.interactions.Favourite(request.caller.account, request.ArgId<StatusId>(0)));
}

Reply Unfavourite(const RouteDeps& deps, Request& request) {
  StatusId id = request.ArgId<StatusId>(0);
  return RenderOne(deps, request, deps.interactions.Unfavourite(request.caller.account, id));
}

Reply Reblog(const RouteDeps& deps, Request& request) {
  std::optional<Visibility> visibility;
  if (auto name = request.params["visibility"].Text(); name && !name->empty()) {
    visibility = statuses::ParseVisibility(*name);
    if (!visibility || *visibility == Visibility::kDirect) {
      throw Error::Invalid("Visibility is not included in the list");
    }
  }
  StatusId id = request.ArgId<StatusId>(0);
  return RenderOne(deps, request, deps.interactions.Reblog(request.caller.account, id, visibility));
}

Reply Unreblog(const RouteDeps& deps, Request& request) {
  StatusId id = request.ArgId<StatusId>(0);
  return RenderOne(deps, request, deps.interactions.Unreblog(request.caller.account, id));
}

using List = std::vector<InteractionsService::Doer> (InteractionsService::*)(StatusId,
                                                                             const store::IdBounds&,
                                                                             size_t);

Reply WhoDid(const RouteDeps& deps, Request& request, List list) {
  StatusData data = deps.views.LoadOne(request.caller.account, request.ArgId<StatusId>(0));
  StatusId id = data.reblog ? data.reblog->id() : data.id();
  Page page = net::ParsePage(request, limits::kAccountsPageDefault, limits::kAccountsPageMax,
                             PrevBy::kSinceId);
  auto doers =
      (deps.interactions.*list)(id, {.lower = page.lower(), .upper = page.max_id}, page.limit);
  std::vector<AccountId> ids;
  for (const auto& doer : doers) ids.push_back(doer.account);
  codec::JsonWriter json(ids.size() * 1024 + 16);
  json.Array();
  for (const auto& account : accounts::LoadAccounts(deps.records, ids)) {
    if (!account.account->suspended_ms()) accounts::RenderAccount(json, account, deps.site);
  }
  json.EndArray();
  Reply reply = Reply::Json(json.TakeString());
  if (!doers.empty()) {
    net::AddLinks(reply, request, page, deps.site.base_url,
                  {.newest = doers.front().cursor,
                   .oldest = doers.back().cursor,
                   .more = doers.size() == page.limit,
                   .prev_by = PrevBy::kSinceId});
  }
  return reply;
}

Reply FavouritedBy(const RouteDeps& deps, Request& request) {
  return WhoDid(deps, request, &InteractionsService::FavouritedBy);
}

Reply RebloggedBy(const RouteDeps& deps, Request& request) {
  return WhoDid(deps, request, &InteractionsService::RebloggedBy);
}

Reply Favourites(const RouteDeps& deps, Request& request) {
  Page page = net::ParsePage(request, limits::kStatusesPageDefault, limits::kStatusesPageMax);
  AccountId account = request.caller.account;
  auto rows = deps.interactions.Favourites(account, {.lower = page.lower(), .upper = page.max_id},
                                           page.limit, page.upwards());
  if (page.upwards()) std::ranges::reverse(rows);
  std::vector<StatusId> ids;
  for (const auto& row : rows) ids.push_back(row.status);
  auto shown = deps.views.Load(account, ids, statuses::LoadFor::kItself);
  Reply reply = Reply::Json(deps.views.RenderList(shown, request.caller));
  if (!rows.empty()) {
    net::AddLinks(reply, request, page, deps.site.base_url,
                  {.newest = rows.front().cursor.value(),
                   .oldest = rows.back().cursor.value(),
                   .more = rows.size() == page.limit});
  }
  return reply;
}

}  // namespace

void AddRoutes(net::RouteTable& table, const RouteDeps& deps) {
  auto with = [deps](Reply (*handle)(const RouteDeps&, Request&)) {
    return [deps, handle](Request& request) { return handle(deps, request); };
  };
  auto act = [&](std::string path, std::string scope, net::RateClass rate,
                 Reply (*handle)(const RouteDeps&, Request&)) {
    table.Add({.method = Method::kPost,
               .path = std::move(path),
               .auth = Auth::kUser,
               .scopes = std::move(scope),
               .rate = rate,
               .handler = with(handle)});
  };
  using net::RateClass;
  act("/api/v1/statuses/:id/favourite", "write:favourites", RateClass::kApi, Favourite);
  act("/api/v1/statuses/:id/unfavourite", "write:favourites", RateClass::kApi, Unfavourite);
  act("/api/v1/statuses/:id/reblog", "write:statuses", RateClass::kPosting, Reblog);
  act("/api/v1/statuses/:id/unreblog", "write:statuses", RateClass::kDeleting, Unreblog);
  auto who = [&](std::string path, Reply (*handle)(const RouteDeps&, Request&)) {
    table.Add({.method = Method::kGet,
               .path = std::move(path),
               .auth = Auth::kOptional,
               .scopes = "read:accounts",
               .caching = net::Caching::kPublic,
               .handler = with(handle)});
  };
  who("/api/v1/statuses/:id/favourited_by", FavouritedBy);
  who("/api/v1/statuses/:id/reblogged_by", RebloggedBy);
  table.Add({.method = Method::kGet,
             .path = "/api/v1/favourites",
             .auth = Auth::kUser,
             .scopes = "read:favourites",
             .handler = with(Favourites)});
}

}  // namespace stampede::interactions
