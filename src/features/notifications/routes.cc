#include "features/notifications/routes.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/limits.h"
#include "features/accounts/view.h"
#include "features/notifications/view.h"
#include "features/relationships/policy.h"
#include "net/page.h"

namespace stampede::notifications {
namespace {

using codec::JsonWriter;
using net::Reply;
using net::Request;

// How often a page is filled up when much of what was read is not to be seen.
constexpr int kRoundsMax = 10;

// A notification with all that its entity is made of.
struct Shown {
  NotificationRecord record;
  accounts::AccountData sender;
  std::optional<statuses::StatusData> status;
};

uint32_t TypeMask(const net::Params& params) {
  auto bits = [](const net::Params& names) {
    uint32_t mask = 0;
    for (std::string_view name : names.Texts()) {
      if (auto type = ParseNotificationType(name)) {
        mask |= NotificationFilter::Bit(static_cast<int32_t>(*type));
      }
    }
    return mask;
  };
  const net::Params& types = params["types"];
  uint32_t wanted = types.Texts().empty() ? ~0u : bits(types);
  return wanted & ~bits(params["exclude_types"]);
}

NotificationFilter ParseFilter(const Request& request) {
  NotificationFilter filter{.type_mask = TypeMask(request.params)};
  if (!request.params["account_id"].blank()) {
    auto senders = request.ParamIds<AccountId>("account_id");
    filter.sender = senders.empty() ? AccountId::Max() : senders.front();  // nobody has that id
  }
  return filter;
}

std::optional<MarkerTimeline> ParseTimeline(std::string_view name) {
  if (name == "home") return MarkerTimeline::kHome;
  if (name == "notifications") return MarkerTimeline::kNotifications;
  return std::nullopt;
}

std::string_view TimelineName(MarkerTimeline timeline) {
  return timeline == MarkerTimeline::kHome ? "home" : "notifications";
}

Reply MarkersReply(const std::vector<Marker>& markers) {
  JsonWriter json;
  json.Object();
  for (const Marker& marker : markers) {
    json.Key(TimelineName(marker.timeline));
    RenderMarker(json, marker.record);
  }
  json.EndObject();
  return Reply::Json(json.TakeString());
}

// The handlers. Thread-safe.
class Api {
 public:
  Api(NotificationsService& service, statuses::StatusViews& views, store::Records& records,
      const Site& site, Clock& clock)
      : service_(service), views_(views), records_(records), site_(site), clock_(clock) {}

  Reply List(Request& request) const {
    net::Page page =
        net::ParsePage(request, limits::kNotificationsPageDefault, limits::kNotificationsPageMax);
    auto shown = Collect(request.caller.account, ParseFilter(request), page);
    JsonWriter json(shown.size() * 3000 + 2);
    json.Array();
    for (const Shown& one : shown) Render(json, one, request.caller);
    json.EndArray();
    Reply reply = Reply::Json(json.TakeString());
    if (!shown.empty()) {
      net::AddLinks(reply, request, page, site_.base_url,
                    {.newest = shown.front().record.id(),
                     .oldest = shown.back().record.id(),
                     .keep = {"types", "exclude_types", "account_id", "include_filtered"}});
    }
    return reply;
  }

  Reply One(Request& request) const {
    AccountId me = request.caller.account;
    auto found = service_.Find(me, request.ArgId<NotificationId>(0));
    if (!found) throw Error::NotFound();
    auto shown = Load(me, {*found});
    if (shown.empty()) throw Error::NotFound();
    JsonWriter json;
    Render(json, shown.front(), request.caller);
    return Reply::Json(json.TakeString());
  }

  Reply Dismiss(Request& request) const {
    service_.Dismiss(request.caller.account, request.ArgId<NotificationId>(0));
    return Reply::Empty();
  }

  Reply Clear(Request& request) const {
    service_.Clear(request.caller.account);
    return Reply::Empty();
  }

  // Above the marker, up to a limit.
  Reply UnreadCount(Request& request) const {
    AccountId me = request.caller.account;
    net::Page page = net::ParsePage(request, limits::kUnreadNotificationsDefault,
                                    limits::kUnreadNotificationsMax);
    auto markers = service_.GetMarkers(me, {MarkerTimeline::kNotifications});
    net::Page unread{.since_id = markers.front().record.last_read_id(), .limit = page.limit};
    JsonWriter json;
    json.Object().Field("count", Collect(me, ParseFilter(request), unread).size()).EndObject();
    return Reply::Json(json.TakeString());
  }

  Reply GetMarkers(Request& request) const {
    std::vector<MarkerTimeline> timelines;
    for (std::string_view name : request.params["timeline"].Texts()) {
      auto timeline = ParseTimeline(name);
      if (timeline && std::ranges::find(timelines, *timeline) == timelines.end()) {
        timelines.push_back(*timeline);
      }
    }
    return MarkersReply(service_.GetMarkers(request.caller.account, timelines));
  }

  Reply SetMarkers(Request& request) const {
    std::vector<std::pair<MarkerTimeline, uint64_t>> last_read;
    for (MarkerTimeline timeline : {MarkerTimeline::kHome, MarkerTimeline::kNotifications}) {
      const net::Params& id = request.params[TimelineName(timeline)]["last_read_id"];
      if (id.blank()) continue;
      auto parsed = NotificationId::Parse(id.Text().value_or(""));
      if (!parsed) throw Error::Invalid("Last read is not a number");
      last_read.emplace_back(timeline, parsed->value());
    }
    return MarkersReply(service_.SetMarkers(request.caller.account, last_read));
  }

 private:
  // A page of what the recipient is to see, newest first. May be shorter than asked for.
  std::vector<Shown> Collect(AccountId me, const NotificationFilter& filter,
                             const net::Page& page) const {
    uint64_t lower = page.lower();
    uint64_t upper = page.max_id;
    std::vector<Shown> collected;
    for (int round = 0; round < kRoundsMax && collected.size() < page.limit; ++round) {
      auto found =
          service_.Next(me, filter, lower, upper, page.upwards(), page.limit - collected.size());
      if (found.empty()) break;
      std::ranges::move(Load(me, std::move(found)), std::back_inserter(collected));
    }
    if (page.upwards()) std::ranges::reverse(collected);
    return collected;
  }

  // In the order given, without those whose sender is blocked, muted or gone, and those whose
  // status is gone or no longer visible.
  std::vector<Shown> Load(AccountId me, std::vector<NotificationRecord> found) const {
    store::RecordFetch fetch(records_);
    accounts::AccountFetch accounts(fetch);
    std::vector<relationships::TiesFetch> ties;
    std::vector<StatusId> ids;
    for (const NotificationRecord& record : found) {
      accounts.Want(AccountId(record.sender()));
      ties.emplace_back(fetch, me, AccountId(record.sender()));
      StatusId status(record.status());
      if (status && std::ranges::find(ids, status) == ids.end()) ids.push_back(status);
    }
    fetch.Run();
    std::unordered_map<uint64_t, statuses::StatusData> statuses;
    for (auto& status : views_.Load(me, ids, statuses::LoadFor::kItself)) {
      statuses.emplace(status.id().value(), std::move(status));
    }

    std::vector<Shown> shown;
    for (size_t i = 0; i < found.size(); ++i) {
      Shown one{.record = std::move(found[i])};
      one.sender = accounts.Take(AccountId(one.record.sender()));
      if (!one.sender || one.sender.account->suspended_ms() != 0) continue;
      if (Hidden(ties[i].Take())) continue;
      if (CarriesStatus(static_cast<NotificationType>(one.record.type()))) {
        auto status = statuses.find(one.record.status());
        if (status == statuses.end()) continue;
        one.status = status->second;
      }
      shown.push_back(std::move(one));
    }
    return shown;
  }

  bool Hidden(const relationships::Ties& ties) const {
    if (ties.blocking()) return true;
    return ties.muting(clock_.NowMs()) && ties.mine->mute().notifications();
  }

  void Render(JsonWriter& json, const Shown& shown, const net::Caller& caller) const {
    std::function<void(JsonWriter&)> write_status;
    if (shown.status) {
      write_status = [&](JsonWriter& out) { views_.Render(out, *shown.status, caller); };
    }
    RenderNotification(json, shown.record, shown.sender, site_, write_status);
  }

  NotificationsService& service_;
  statuses::StatusViews& views_;
  store::Records& records_;
  const Site& site_;
  Clock& clock_;
};

}  // namespace

void AddRoutes(net::RouteTable& table, NotificationsService& service, statuses::StatusViews& views,
               store::Records& records, const Site& site, Clock& clock) {
  auto api = std::make_shared<const Api>(service, views, records, site, clock);
  auto add = [&](net::Method method, std::string path, std::string scope,
                 Reply (Api::*handler)(Request&) const) {
    table.Add({.method = method,
               .path = std::move(path),
               .auth = net::Auth::kUser,
               .scopes = std::move(scope),
               .handler = [api, handler](Request& request) { return (*api.*handler)(request); }});
  };
  using net::Method;
  const std::string root = "/api/v1/notifications";
  add(Method::kGet, root, "read:notifications", &Api::List);
  add(Method::kGet, root + "/unread_count", "read:notifications", &Api::UnreadCount);
  add(Method::kGet, root + "/:id", "read:notifications", &Api::One);
  add(Method::kPost, root + "/clear", "write:notifications", &Api::Clear);
  add(Method::kPost, root + "/:id/dismiss", "write:notifications", &Api::Dismiss);
  add(Method::kGet, "/api/v1/markers", "read:statuses", &Api::GetMarkers);
  add(Method::kPost, "/api/v1/markers", "write:statuses", &Api::SetMarkers);
}

}  // namespace stampede::notifications
