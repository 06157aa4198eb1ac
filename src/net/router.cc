#include "net/router.h"

#include <array>
#include <cmath>

#include "base/check.h"
#include "net/header_value.h"
#include "net/path_index.h"
#include "net/proxies.h"
#include "net/reply_headers.h"
#include "obs/log.h"

namespace stampede::net {
namespace {

constexpr std::string_view kInvalidToken = "The access token is invalid";

struct ClassRules {
  std::string_view name;   // as metrics call the class
  bool general;            // the API's limits apply
  RateLimiter::Rule rule;  // the class' own; count 0 for none
  bool by_address;         // what the own rule counts by: the address, or the user
};

// docs.joinmastodon.org/api/rate-limits and config/initializers/rack_attack.rb of the reference
// server; in the order of RateClass.
constexpr std::array<ClassRules, 9> kClasses = {{
    {"api", true, {}, false},
    {"posting", true, {"posting", 300, 3 * 3600}, false},
    {"deleting", true, {"deleting", 30, 30 * 60}, false},
    {"following", true, {"following", 400, 24 * 3600}, false},
    {"upload", true, {"upload", 30, 30 * 60}, false},
    {"sign_up", true, {"sign_up", 5, 30 * 60}, true},
    {"new_app", true, {"new_app", 5, 10 * 60}, true},
    {"login", false, {"login", 25, 5 * 60}, true},
    {"free", false, {}, false},
}};
constexpr RateLimiter::Rule kPerUser = {"user", 1500, 5 * 60};
constexpr RateLimiter::Rule kPerToken = {"token", 300, 5 * 60};
constexpr RateLimiter::Rule kAnonymous = {"anonymous", 300, 5 * 60};
constexpr RateLimiter::Rule kPaging = {"paging", 300, 15 * 60};

const ClassRules& RulesOf(RateClass rate) { return kClasses[static_cast<size_t>(rate)]; }

// RFC 6750, section 2; the parameters as the reference server takes them.
std::string_view BearerToken(const Request& request) {
  std::string_view header = request.Header("authorization");
  if (header.size() > 7 && EqualsLower(header.substr(0, 7), "bearer ")) {
    return TrimHeader(header.substr(7));
  }
  for (std::string_view name : {"access_token", "bearer_token"}) {
    if (auto text = request.params[name].Text(); text && !text->empty()) return *text;
  }
  return {};
}

std::string AllowHeader(const std::vector<Method>& methods) {
  std::string allow;
  for (Method method : methods) allow.append(MethodName(method)).append(", ");
  return allow + "OPTIONS";
}

// Body over query (behaviour rules, section 1). The body comes first, so that its files are moved
// and not copied.
void ParseParams(Request& request) {
  if (!request.body.empty()) {
    std::string_view type = request.Header("content-type");
    ParseBody(type, request.body, request.params);
    if (HeaderValue(type).is("multipart/form-data")) std::string().swap(request.body);
  }
  if (request.query.empty()) return;
  Params query;
  ParseUrlEncoded(request.query, query);
  for (const auto& [name, value] : query.members()) {
    if (!request.params.Has(name)) request.params.Set(name, value);
  }
}

void LogRefusal(const Request& request, std::string_view route, const Error& error) {
  obs::LogLevel level =
      HttpStatus(error.code()) >= 500 ? obs::LogLevel::kWarn : obs::LogLevel::kDebug;
  obs::Log(level, "request refused",
           {{"request", request.request_id},
            {"route", route},
            {"status", HttpStatus(error.code())},
            {"text", error.public_text()},
            {"detail", error.detail()}});
}

// Counts answers of one row by status class. Series appear with the first answer, so that routes
// nobody uses cost nothing.
class RowCounters {
 public:
  void Count(obs::Metrics& metrics, std::string_view route, int status) {
    size_t index = static_cast<size_t>(std::min(status / 100, 5));
    obs::Counter* counter = counters_[index].load(std::memory_order_acquire);
    if (!counter) {
      std::string status_class = std::to_string(index) + "xx";
      counter = &metrics.AddCounter("stampede_http_requests_total", "Requests answered.",
                                    {{"route", std::string(route)}, {"status", status_class}});
      counters_[index].store(counter, std::memory_order_release);
    }
    counter->Add();
  }

 private:
  std::array<std::atomic<obs::Counter*>, 6> counters_{};
};

}  // namespace

struct Router::Impl {
  struct Row {
    Route route;
    ScopeSet scopes;
    std::string name;  // for metrics and logs: "GET /api/v1/statuses/:id"
    RowCounters counters;
  };
  // What the steps of one request find out.
  struct Exchange {
    Row* row = nullptr;
    std::vector<Method> allowed;
    std::optional<RateLimiter::Result> limit;
  };

  std::vector<std::unique_ptr<Row>> rows;
  PathIndex index;
  Authenticator& authenticator;
  RateLimiter& limiter;
  Clock& clock;
  obs::Metrics& metrics;
  RouterOptions options;
  RowCounters unrouted;
  std::vector<obs::Histogram*> seconds;  // by RateClass

  Reply Answer(Request& request, Exchange& exchange);
  Reply Preflight(const Request& request, const Exchange& exchange);
  void Authorize(Request& request, Exchange& exchange);
  void UseLimits(const Request& request, Exchange& exchange);
  Reply Refuse(const Request& request, const Exchange& exchange, const Error& error);
};

Router::Router(RouteTable table, Authenticator& authenticator, RateLimiter& limiter, Clock& clock,
               obs::Metrics& metrics, RouterOptions options)
    : impl_(new Impl{.authenticator = authenticator,
                     .limiter = limiter,
                     .clock = clock,
                     .metrics = metrics,
                     .options = std::move(options)}) {
  for (const Route& route : table.routes()) {
    impl_->index.Add(route.method, route.path, static_cast<int>(impl_->rows.size()));
    auto row = std::make_unique<Impl::Row>();
    row->scopes = ScopeSet::Parse(route.scopes).value();  // RouteTable checked it
    row->name = std::string(MethodName(route.method)) + " " + route.path;
    row->route = route;
    impl_->rows.push_back(std::move(row));
  }
  for (const ClassRules& rules : kClasses) {
    impl_->seconds.push_back(&metrics.AddHistogram(
        "stampede_http_request_seconds", "From the worker's start to the finished reply.",
        obs::LatencyBuckets(), {{"class", std::string(rules.name)}}));
  }
}

Router::~Router() = default;

size_t Router::BodyBytesMax(Method method, std::string_view path) const {
  PathIndex::Match match = impl_->index.Find(method, path);
  return match.row < 0 ? limits::kBodyBytesMax : impl_->rows[match.row]->route.body_bytes_max;
}

void Router::WhenSettled(Send send) {
  if (!impl_->options.when_settled) return send(nullptr);
  impl_->options.when_settled(std::move(send));
}

Reply Router::Handle(Request& request) {
  int64_t started_us = impl_->clock.MonotonicUs();
  PathIndex::Match match = impl_->index.Find(request.method, request.path);
  request.args.assign(match.args.begin(), match.args.end());
  Impl::Exchange exchange{.row = match.row < 0 ? nullptr : impl_->rows[match.row].get(),
                          .allowed = std::move(match.allowed)};
  Reply reply;
  try {
    reply = impl_->Answer(request, exchange);
  } catch (const Error& error) {
    reply = impl_->Refuse(request, exchange, error);
  } catch (const std::exception& error) {
    std::string_view route = exchange.row ? std::string_view(exchange.row->name) : "none";
    obs::Log(obs::LogLevel::kError, "request failed",
             {{"request", request.request_id}, {"route", route}, {"what", error.what()}});
    reply = impl_->Refuse(request, exchange, Error(ErrorCode::kInternal, "Internal server error"));
  }

  AddCommonHeaders(reply, request,
                   {.caching = exchange.row ? exchange.row->route.caching : Caching::kPrivate,
                    .secure = impl_->options.secure,
                    .limit = exchange.limit});
  if (exchange.row) {
    exchange.row->counters.Count(impl_->metrics, exchange.row->name, reply.status);
    impl_->seconds[static_cast<size_t>(exchange.row->route.rate)]->Observe(
        static_cast<double>(impl_->clock.MonotonicUs() - started_us) / 1e6);
  } else {
    impl_->unrouted.Count(impl_->metrics, "none", reply.status);
  }
  return reply;
}

Reply Router::Impl::Answer(Request& request, Exchange& exchange) {
  if (!exchange.row) {
    if (request.method == Method::kOptions) return Preflight(request, exchange);
    if (exchange.allowed.empty()) throw Error::NotFound();
    throw Error(ErrorCode::kMethodNotAllowed, "Method not allowed");
  }
  if (clock.MonotonicUs() > request.deadline_us) {
    throw Error(ErrorCode::kUnavailable, "The server is busy, try again later").WithRetryAfter(1);
  }
  ParseParams(request);
  Authorize(request, exchange);
  return exchange.row->route.handler(request);
}

// https://fetch.spec.whatwg.org/#cors-preflight-fetch: no route is asked, and none needs to exist.
Reply Router::Impl::Preflight(const Request& request, const Exchange& exchange) {
  Reply reply = Reply::Text("", 204);
  if (IsCrossOriginPath(request.path)) {
    AddPreflightHeaders(reply, request);
  } else if (exchange.allowed.empty()) {
    throw Error::NotFound();
  } else {
    reply.Header("Allow", AllowHeader(exchange.allowed));
  }
  return reply;
}

void Router::Impl::Authorize(Request& request, Exchange& exchange) {
  const Route& route = exchange.row->route;
  std::string_view token;
  if (route.auth != Auth::kNone) {
    token = BearerToken(request);
    try {
      if (!token.empty()) {
        request.caller = authenticator.Authenticate(token);
      } else if (route.auth != Auth::kOptional) {
        throw Error(ErrorCode::kUnauthorized, std::string(kInvalidToken));
      }
    } catch (const Error&) {
      UseLimits(request, exchange);  // guessing tokens is limited too, by address
      throw;
    }
  }
  UseLimits(request, exchange);
  // In the reference server's order: the scope before the question whether there is a user.
  ScopeSet scopes = exchange.row->scopes;
  if (!token.empty() && !scopes.empty() && !request.caller.scopes.IncludesAnyOf(scopes)) {
    throw Error(ErrorCode::kForbidden, "This action is outside the authorized scopes");
  }
  if (route.auth == Auth::kUser && !request.caller.is_user()) {
    throw Error(ErrorCode::kInvalid, "This method requires an authenticated user");
  }
}

// Counts the request by every rule that concerns it and keeps the result nearest to exhaustion.
// Throws Error(kTooManyRequests).
void Router::Impl::UseLimits(const Request& request, Exchange& exchange) {
  RateClass rate = exchange.row->route.rate;
  if (rate == RateClass::kFree || options.rate_limit_scale <= 0) return;
  auto use = [&](RateLimiter::Rule rule, const std::string& subject) {
    rule.count = std::max<int64_t>(
        1, std::llround(static_cast<double>(rule.count) * options.rate_limit_scale));
    RateLimiter::Result result = limiter.Use(rule, subject);
    const auto& kept = exchange.limit;
    bool nearer = !kept || (result.allowed == kept->allowed ? result.remaining < kept->remaining
                                                            : !result.allowed);
    if (nearer) exchange.limit = result;
  };

  const Caller& caller = request.caller;
  std::string address = RateSubject(request.client_address);
  std::string subject = caller.is_user() ? caller.account.ToString() : address;
  const ClassRules& rules = RulesOf(rate);
  if (rules.rule.count > 0) use(rules.rule, rules.by_address ? address : subject);
  if (rules.general) {
    use(caller.is_user() ? kPerUser : kAnonymous, subject);
    if (!caller.anonymous()) use(kPerToken, caller.token.ToString());
    for (std::string_view name : {"page", "min_id", "max_id", "since_id"}) {
      if (!request.params.Has(name)) continue;
      use(kPaging, subject);
      break;
    }
  }
  if (exchange.limit && !exchange.limit->allowed) {
    throw Error(ErrorCode::kTooManyRequests, "Too many requests");
  }
}

Reply Router::Impl::Refuse(const Request& request, const Exchange& exchange, const Error& error) {
  LogRefusal(request, exchange.row ? std::string_view(exchange.row->name) : "none", error);
  Reply reply = ReplyFor(error);
  if (error.code() == ErrorCode::kMethodNotAllowed && !exchange.allowed.empty()) {
    reply.Header("Allow", AllowHeader(exchange.allowed));
  }
  if (!WantsPage(request)) return reply;
  Reply page = PlainErrorPage(error);
  try {
    if (options.error_page) page = options.error_page(request, error);
  } catch (const std::exception& broken) {  // the plain page will do
    obs::Log(obs::LogLevel::kError, "error page failed", {{"what", broken.what()}});
  }
  page.headers.insert(page.headers.end(), std::make_move_iterator(reply.headers.begin()),
                      std::make_move_iterator(reply.headers.end()));
  return page;
}

}  // namespace stampede::net
