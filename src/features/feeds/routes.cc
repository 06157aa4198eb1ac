#include "features/feeds/routes.h"

#include "base/limits.h"
#include "net/page.h"

namespace stampede::feeds {

using net::Reply;
using net::Request;

void AddRoutes(net::RouteTable& table, HomeTimeline& home, statuses::StatusViews& views,
               const Site& site) {
  table.Add({.method = net::Method::kGet,
             .path = "/api/v1/timelines/home",
             .auth = net::Auth::kUser,
             .scopes = "read:statuses",
             .handler = [&](Request& request) {
               net::Page page =
                   net::ParsePage(request, limits::kStatusesPageDefault, limits::kStatusesPageMax);
               auto shown = home.Page(request.caller.account, page);
               Reply reply = Reply::Json(views.RenderList(shown, request.caller));
               statuses::AddStatusLinks(reply, request, page, site, shown);
               return reply;
             }});
}

}  // namespace stampede::feeds
