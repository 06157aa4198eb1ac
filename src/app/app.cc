#include "app/app.h"

#include <atomic>
#include <stdexcept>

#include "app/cluster.h"
#include "app/demo.h"
#include "app/health.h"
#include "app/open_store.h"
#include "app/periodic.h"
#include "app/snapshot.h"
#include "events/cache_invalidator.h"
#include "events/committer.h"
#include "features/accounts/routes.h"
#include "features/feeds/routes.h"
#include "features/instance/page.h"
#include "features/instance/routes.h"
#include "features/interactions/jobs.h"
#include "features/interactions/routes.h"
#include "features/media/routes.h"
#include "features/notifications/jobs.h"
#include "features/notifications/routes.h"
#include "features/oauth/authenticator.h"
#include "features/oauth/jobs.h"
#include "features/oauth/routes.h"
#include "features/pages/routes.h"
#include "features/relationships/jobs.h"
#include "features/relationships/routes.h"
#include "features/search/routes.h"
#include "features/statuses/routes.h"
#include "jobs/jobs.h"
#include "net/router.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "store/copy/state.h"

namespace stampede::app {

namespace {

constexpr size_t kMiB = 1024 * 1024;
constexpr size_t kRateLimitKeysMax = 200'000;
constexpr int64_t kIdempotencySweepMs = 30 * 60 * 1000;

net::ServerOptions MetricsOptions(const Config& config) {
  auto [host, port] = ParseAddress(config.metrics_listen);
  net::ServerOptions options;
  options.host = host;
  options.port = port;
  options.workers = 1;
  options.connections_max = 64;
  return options;
}

uint16_t ServedPort(const Config& config) {
  uint16_t port = ParseAddress(config.listen).second;
  if (port == 0 && config.base_url.empty()) {
    throw std::invalid_argument("setting listen: port 0 takes any port, so base_url is needed");
  }
  return port;
}

}  // namespace

// In the order of construction; destroyed in reverse.
struct App::Impl {
  explicit Impl(const Config& config);

  net::RouteTable MakeRoutes();
  void AddJobs();

  const Config config;
  SystemClock clock;
  SystemRandom random;
  obs::Metrics metrics;
  const Site site;
  const OpenedStore opened;
  store::Store& store;
  store::Records records;
  std::unique_ptr<events::Bus> bus;
  events::CacheInvalidator invalidator;
  IdGenerator ids;
  events::Committer committer;
  std::unique_ptr<media::BlobStore> blobs;
  media::PictureMaker pictures;

  instance::InstanceService instance;
  accounts::AccountsService accounts;
  oauth::OAuthService oauth;
  oauth::TokenAuthenticator authenticator;
  relationships::RelationshipsService relationships;
  notifications::NotificationsService notifications;
  statuses::StatusesService statuses;
  statuses::StatusViews views;
  interactions::InteractionsService interactions;
  feeds::FeedEngine feeds;
  feeds::HomeTimeline home;

  jobs::JobRunner jobs;
  Periodic periodic;
  net::RateLimiter limiter;
  SharedLimits shared_limits;
  std::atomic<bool> draining = false;
  net::RouteTable table;
  net::Router router;
  net::HttpServer server;
  MetricsHandler metrics_handler;
  std::unique_ptr<net::HttpServer> metrics_server;
  std::unique_ptr<ControlServer> control;
  bool running = false;
};

App::Impl::Impl(const Config& config)
    : config(config),
      site(MakeSite(config, ServedPort(config))),
      opened(OpenStore(config, metrics)),
      store(*opened.store),
      records(store, static_cast<size_t>(config.record_cache_mb) * kMiB / 4 * 3),
      bus(MakeBus(config, clock, random, metrics)),
      invalidator(*bus, records),
      ids(clock, random),
      committer(store, records, *bus, ids, clock),
      blobs(media::MakeLocalBlobStore(config.data + "/media", random)),
      pictures({}, clock),
      instance(committer, random, opened.stale),
      accounts(committer, random, site),
      oauth(committer, random),
      authenticator(oauth, accounts),
      relationships(committer),
      notifications(committer),
      statuses(committer, site),
      views(records, site, clock, static_cast<size_t>(config.record_cache_mb) * kMiB / 4),
      interactions(committer),
      feeds(store, relationships, *bus, clock, random, metrics,
            {.bytes_max = static_cast<size_t>(config.feeds_mb) * kMiB}),
      home(feeds, views),
      jobs(committer, random, metrics,
           config.database.empty() ? jobs::Sharing::kOneProcess : jobs::Sharing::kManyProcesses,
           config.job_lease_ms),
      periodic(store, clock),
      limiter(clock, kRateLimitKeysMax),
      shared_limits(*bus, limiter),
      table(MakeRoutes()),
      router(
          table, authenticator, limiter, clock, metrics,
          {.when_settled =
               [this](net::HttpHandler::Send send) { store.WhenDurable(std::move(send)); },
           .rate_limit_scale = static_cast<double>(config.rate_limit_percent) / 100,
           .secure = site.base_url.starts_with("https://"),
           .error_page = [this](const net::Request&,
                                const Error& error) { return instance::ErrorPage(site, error); }}),
      server(MakeServerOptions(config), router, clock, random, metrics),
      metrics_handler(metrics) {
  store::RefuseHalfCopied(store);
  AddJobs();
  periodic.Add("idempotency_sweep", kIdempotencySweepMs,
               [this] { statuses.SweepIdempotencyKeys(); });
  obs::AddProcessMetrics(metrics);
  metrics.AddCollector(
      [this, &resident = metrics.AddGauge("feed_resident", "Home feeds in memory"),
       &bytes = metrics.AddGauge("feed_bytes", "Memory of home feeds and watch lists")] {
        feeds::FeedEngine::Stats stats = feeds.stats();
        resident.Set(static_cast<int64_t>(stats.feeds));
        bytes.Set(static_cast<int64_t>(stats.bytes));
      });
  if (!config.metrics_listen.empty()) {
    metrics_server = std::make_unique<net::HttpServer>(MetricsOptions(config), metrics_handler,
                                                       clock, random, metrics);
  }
}

net::RouteTable App::Impl::MakeRoutes() {
  net::RouteTable routes;
  AddHealthRoute(routes, store, draining);
  instance::AddRoutes(routes, instance, accounts, site);
  accounts::AddRoutes(routes, {accounts, oauth, relationships, pictures, *blobs, site});
  oauth::AddRoutes(routes, {oauth, accounts, instance, random, site, &limiter});
  relationships::AddRoutes(routes, relationships, records, site, clock);
  notifications::AddRoutes(routes, notifications, views, records, site, clock);
  media::AddRoutes(routes, *blobs);
  statuses::AddRoutes(routes, {statuses, views, interactions, oauth, records, site});
  interactions::AddRoutes(routes, {interactions, views, records, site});
  feeds::AddRoutes(routes, home, views, site);
  search::AddRoutes(routes, accounts, views, site);
  pages::AddRoutes(routes, instance, accounts, statuses, views, site, clock);
  return routes;
}

void App::Impl::AddJobs() {
  oauth::AddJobs(jobs);
  relationships::AddJobs(jobs, relationships);
  notifications::AddJobs(jobs, committer);
  interactions::AddJobs(jobs, interactions);
}

App::App(const Config& config) : impl_(std::make_unique<Impl>(config)) {}
App::~App() { Stop(); }

void App::SeedDemo() { app::SeedDemo(impl_->store, impl_->site, *impl_->blobs, impl_->clock); }

void App::Start() {
  impl_->running = true;
  impl_->committer.Start();
  impl_->jobs.Start();
  impl_->periodic.Start();
  impl_->shared_limits.Start();
  if (impl_->metrics_server) impl_->metrics_server->Start();
  impl_->server.Start();
  impl_->control = ServeSnapshots(impl_->store, impl_->config.data);
  obs::Log(obs::LogLevel::kInfo, "serving",
           {{"url", impl_->site.base_url}, {"port", static_cast<int64_t>(port())}});
}

void App::Drain() { impl_->draining = true; }

void App::Stop() {
  if (!impl_->running) return;
  impl_->running = false;
  impl_->control.reset();
  impl_->server.Stop();
  if (impl_->metrics_server) impl_->metrics_server->Stop();
  impl_->shared_limits.Stop();
  impl_->periodic.Stop();
  impl_->jobs.Stop();
  impl_->committer.Stop();
  impl_->bus->Stop();
}

const Site& App::site() const { return impl_->site; }
uint16_t App::port() const { return impl_->server.port(); }
uint16_t App::metrics_port() const {
  return impl_->metrics_server ? impl_->metrics_server->port() : 0;
}
accounts::AccountsService& App::accounts() { return impl_->accounts; }
const std::vector<net::Route>& App::routes() const { return impl_->table.routes(); }

}  // namespace stampede::app
