#include "app/health.h"

#include "features/instance/keys.h"

namespace stampede::app {

net::Reply MetricsHandler::Handle(net::Request& request) {
  if (request.path == "/health") return net::Reply::Text("OK");
  if (request.path != "/metrics") return net::Reply::Text("Not found", 404);
  net::Reply reply = net::Reply::Text(metrics_.Render());
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

void AddHealthRoute(net::RouteTable& table, store::Store& store,
                    const std::atomic<bool>& draining) {
  table.Add({.method = net::Method::kGet,
             .path = "/health",
             .auth = net::Auth::kNone,
             .rate = net::RateClass::kFree,
             .handler = [&store, &draining](net::Request&) {
               if (draining) return net::Reply::Text("stopping", 503);
               store.Get(instance::SettingKey("health"));  // throws when the store does not answer
               return net::Reply::Text("OK");
             }});
}

}  // namespace stampede::app
