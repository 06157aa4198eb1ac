#include "features/search/routes.h"

#include "codec/json_writer.h"
#include "codec/utf8.h"
#include "features/accounts/view.h"

namespace stampede::search {
namespace {

using net::Reply;
using net::Request;

// The path of an address of this server, or empty.
std::string_view PathHere(std::string_view query, const Site& site) {
  if (!query.starts_with(site.base_url)) return {};
  query.remove_prefix(site.base_url.size());
  query = query.substr(0, query.find_first_of("?#"));
  while (query.ends_with('/')) query.remove_suffix(1);
  return query;
}

// What follows `prefix`, when it is one segment of a path.
std::string_view SegmentAfter(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return {};
  path.remove_prefix(prefix.size());
  return path.find('/') == std::string_view::npos ? path : std::string_view();
}

// "alice", "@alice@this.domain", or the address of a profile or actor. Empty: names no account.
std::string_view HandleIn(std::string_view query, const Site& site) {
  std::string_view path = PathHere(query, site);
  if (path.empty()) return query.find_first_of("/ ") == std::string_view::npos ? query : "";
  std::string_view handle = SegmentAfter(path, "/@");
  return handle.empty() ? SegmentAfter(path, "/users/") : handle;
}

// The address of a post's page or object: /@alice/1, /users/alice/statuses/1.
StatusId StatusIn(std::string_view query, const Site& site) {
  std::string_view path = PathHere(query, site);
  bool page = path.starts_with("/@") && std::ranges::count(path, '/') == 2;
  bool object = path.starts_with("/users/") && std::ranges::count(path, '/') == 4 &&
                path.find("/statuses/") != std::string_view::npos;
  if (!page && !object) return {};
  return StatusId::Parse(path.substr(path.rfind('/') + 1)).value_or(StatusId());
}

std::vector<accounts::AccountData> FindAccount(accounts::AccountsService& accounts,
                                               std::string_view handle) {
  auto id = handle.empty() ? std::nullopt : accounts.FindByName(handle);
  if (!id) return {};
  auto found = accounts::LoadAccounts(accounts.records(), {&*id, 1});
  std::erase_if(found, [&](const accounts::AccountData& data) {
    if (data.account->suspended_ms()) return true;
    // Who has not been let in yet does not exist for others.
    accounts::Standing standing = accounts.StandingOf(*id);
    return data.account->domain().empty() && (standing == accounts::Standing::kPending ||
                                              standing == accounts::Standing::kUnconfirmed);
  });
  return found;
}

Reply Search(const Request& request, accounts::AccountsService& accounts,
             statuses::StatusViews& views, const Site& site) {
  const net::Params& params = request.params;
  std::string_view query = codec::Trim(params.Required("q"));
  bool resolve = params["resolve"].Bool().value_or(false);
  if (request.caller.anonymous() && (resolve || params.Has("offset"))) {
    throw Error(ErrorCode::kUnauthorized, "Searching with resolve or offset needs a token");
  }
  int64_t limit = params["limit"].Int().value_or(1), offset = params["offset"].Int().value_or(0);
  if (limit < 0 || offset < 0) throw Error(ErrorCode::kBadRequest, "limit or offset is negative");
  std::string_view type = params["type"].Text().value_or("");
  bool any = limit > 0 && offset == 0;

  codec::JsonWriter json;
  json.Object().Key("accounts").Array();
  if (any && (type.empty() || type == "accounts")) {
    for (const auto& data : FindAccount(accounts, HandleIn(query, site))) {
      accounts::RenderAccount(json, data, site);
    }
  }
  json.EndArray().Key("statuses").Array();
  StatusId status = StatusIn(query, site);
  if (any && status && (type.empty() || type == "statuses")) {
    for (const auto& data :
         views.Load(request.caller.account, {&status, 1}, statuses::LoadFor::kItself)) {
      views.Render(json, data, request.caller);
    }
  }
  json.EndArray().Key("hashtags").Array().EndArray().Key("collections").Array().EndArray();
  json.EndObject();
  return Reply::Json(json.TakeString());
}

}  // namespace

void AddRoutes(net::RouteTable& table, accounts::AccountsService& accounts,
               statuses::StatusViews& views, const Site& site) {
  table.Add({.method = net::Method::kGet,
             .path = "/api/v2/search",
             .auth = net::Auth::kOptional,
             .scopes = "read:search",
             .handler = [&](Request& request) { return Search(request, accounts, views, site); }});
}

}  // namespace stampede::search
