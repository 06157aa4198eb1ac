#include "features/statuses/routes.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/text.h"
#include "features/accounts/keys.h"
#include "features/statuses/keys.h"
#include "net/page.h"

namespace stampede::statuses {

namespace {

using net::Auth;
using net::Caller;
using net::Method;
using net::Page;
using net::Reply;
using net::Request;
using relationships::Visibility;

std::string RenderOne(const RouteDeps& deps, const Caller& caller, StatusId id) {
  codec::JsonWriter json(4096);
  deps.views.Render(json, deps.views.LoadOne(caller.account, id), caller);
  return json.TakeString();
}

Reply RenderUnexpected(const RouteDeps& deps, const UnexpectedMentions& unexpected) {
  codec::JsonWriter json;
  json.Object().Field("error", "Post would be sent to unexpected accounts");
  json.Key("unexpected_accounts").Array();
  for (const auto& data : accounts::LoadAccounts(deps.records, unexpected.accounts)) {
    accounts::RenderAccount(json, data, deps.site);
  }
  json.EndArray().EndObject();
  return Reply::Json(json.TakeString(), net::HttpStatus(ErrorCode::kInvalid));
}

NewStatus ReadPost(const RouteDeps& deps, const Request& request) {
  const net::Params& params = request.params;
  NewStatus post;
  post.author = request.caller.account;
  post.text = std::string(params["status"].Text().value_or(""));
  post.spoiler_text = std::string(params["spoiler_text"].Text().value_or(""));
  post.sensitive = params["sensitive"].Bool();
  post.language = std::string(params["language"].Text().value_or(""));
  if (auto name = params["visibility"].Text(); name && !name->empty()) {
    post.visibility = ParseVisibility(*name);
    if (!post.visibility) throw Error::Invalid("Visibility is not included in the list");
  }
  if (const net::Params& parent = params["in_reply_to_id"]; !parent.blank()) {
    auto id = StatusId::Parse(parent.Text().value_or(""));
    if (!id || !*id) throw Error::NotFound();
    post.in_reply_to = *id;
  }
  if (params.Has("allowed_mentions")) {
    post.allowed_mentions = request.ParamIds<AccountId>("allowed_mentions");
  }
  // What this server cannot keep yet is refused, so that nobody's picture or poll gets lost silently.
  if (!params["media_ids"].Texts().empty() || params["poll"].kind() == net::Params::Kind::kMap) {
    throw Error::Invalid("Media attachments and polls are not supported by this server yet");
  }
  if (!params["scheduled_at"].blank()) {
    throw Error::Invalid("Scheduled posts are not supported by this server yet");
  }
  post.idempotency_key = std::string(request.Header("idempotency-key"));
  if (post.idempotency_key.size() > limits::kIdempotencyKeyBytesMax) {
    throw Error(ErrorCode::kBadRequest, "Idempotency-Key is too long");
  }
  post.app = request.caller.app;
  if (auto app = deps.oauth.GetApp(request.caller.app)) {
    post.app_name = app->name();
    post.app_website = app->website();
  }
  return post;
}

Reply Create(const RouteDeps& deps, Request& request) {
  try {
    StatusId id = deps.statuses.Post(ReadPost(deps, request));
    return Reply::Json(RenderOne(deps, request.caller, id));
  } catch (const UnexpectedMentions& unexpected) {
    return RenderUnexpected(deps, unexpected);
  }
}

Reply Show(const RouteDeps& deps, Request& request) {
  return Reply::Json(RenderOne(deps, request.caller, request.ArgId<StatusId>(0)));
}

Reply ShowMany(const RouteDeps& deps, Request& request) {
  auto ids = request.ParamIds<StatusId>("id");
  if (ids.size() > limits::kStatusesPageDefault) throw Error::Invalid("Too many ids");
  auto loaded = deps.views.Load(request.caller.account, ids, LoadFor::kItself);
  return Reply::Json(deps.views.RenderList(loaded, request.caller));
}

Reply Delete(const RouteDeps& deps, Request& request) {
  StatusId id = request.ArgId<StatusId>(0);
  AccountId account = request.caller.account;
  StatusData data = deps.views.LoadOne(account, id);
  if (AccountId(data.status->author()) != account) throw Error::NotFound();
  if (data.reblog)
    deps.interactions.Unreblog(account, data.reblog->id());
  else
    deps.statuses.Delete(account, id);
  codec::JsonWriter json(4096);
  deps.views.RenderDeleted(json, data, request.caller);
  return Reply::Json(json.TakeString());
}

// Replies of authors to themselves go first, the order being kept otherwise
// (docs.joinmastodon.org/entities/Context).
std::vector<StatusData> PromoteSelfReplies(std::vector<StatusData> descendants) {
  std::vector<StatusData> ordered;
  ordered.reserve(descendants.size());
  for (bool self_reply : {true, false}) {
    for (StatusData& data : descendants) {
      if (!data.status) continue;  // moved already
      if ((data.status->in_reply_to_account() == data.status->author()) == self_reply) {
        ordered.push_back(std::move(data));
      }
    }
  }
  return ordered;
}

Reply Context(const RouteDeps& deps, Request& request) {
  AccountId viewer = request.caller.account;
  StatusData data = deps.views.LoadOne(viewer, request.ArgId<StatusId>(0));
  StatusId id = data.reblog ? data.reblog->id() : data.id();
  bool member = request.caller.is_user();
  auto ancestors = deps.statuses.Ancestors(
      id, member ? limits::kContextAncestorsMax : limits::kAnonymousAncestorsMax);
  auto descendants = deps.statuses.Descendants(
      id, member ? limits::kContextDescendantsMax : limits::kAnonymousDescendantsMax,
      member ? limits::kContextDescendantsMax : limits::kAnonymousDepthMax);
  auto above = deps.views.Load(viewer, ancestors, LoadFor::kList);
  auto below = PromoteSelfReplies(deps.views.Load(viewer, descendants, LoadFor::kList));
  codec::JsonWriter json(16384);
  json.Object();
  json.Key("ancestors").Raw(deps.views.RenderList(above, request.caller));
  json.Key("descendants").Raw(deps.views.RenderList(below, request.caller));
  json.EndObject();
  return Reply::Json(json.TakeString());
}

// --- Lists ---

Page StatusesPage(const Request& request) {
  return net::ParsePage(request, limits::kStatusesPageDefault, limits::kStatusesPageMax);
}

Reply PageReply(const RouteDeps& deps, const Request& request, const Page& page,
                std::span<const StatusData> shown, std::vector<std::string_view> keep) {
  Reply reply = Reply::Json(deps.views.RenderList(shown, request.caller));
  AddStatusLinks(reply, request, page, deps.site, shown, std::move(keep));
  return reply;
}

Reply PublicTimeline(const RouteDeps& deps, Request& request) {
  Page page = StatusesPage(request);
  bool local = request.params["local"].Bool().value_or(false);
  bool remote = request.params["remote"].Bool().value_or(false);
  bool only_media = request.params["only_media"].Bool().value_or(false);
  // Every status here is local and none has media: the flags choose between all and nothing.
  bool nothing = (remote && !local) || only_media;
  auto source = [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
    Candidates next;
    if (nothing) return next;
    next.ids = deps.statuses.PublicIds(bounds, limit, upwards);
    next.last = next.ids.empty() ? 0 : next.ids.back().value();
    next.more = next.ids.size() == limit;
    return next;
  };
  auto shown = deps.views.LoadPage(request.caller.account, page, LoadFor::kList, source);
  return PageReply(deps, request, page, shown, {"local", "remote", "only_media"});
}

// Which of an account's statuses a request asks for.
struct AccountFlags {
  bool exclude_replies = false;
  bool exclude_reblogs = false;
  bool nothing = false;  // asks for what no status has yet: media, pins

  explicit AccountFlags(const net::Params& params)
      : exclude_replies(params["exclude_replies"].Bool().value_or(false)),
        exclude_reblogs(params["exclude_reblogs"].Bool().value_or(false)),
        nothing(params["only_media"].Bool().value_or(false) ||
                params["pinned"].Bool().value_or(false)) {}

  bool Wants(const OutboxRow& row) const {
    if (exclude_reblogs && row.reblog_of()) return false;
    return !exclude_replies || !row.in_reply_to_id() || row.in_reply_to_account() == row.author();
  }
};

void KeepTagged(store::Records& records, const std::string& tag, std::vector<StatusId>& ids) {
  std::vector<std::string> keys;
  for (StatusId id : ids) keys.push_back(StatusKey(id));
  auto statuses = records.MultiGet<StatusRecord>(keys);
  std::vector<StatusId> kept;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!statuses[i]) continue;
    const auto& tags = statuses[i]->tags();
    if (std::ranges::find(tags, tag) != tags.end()) kept.push_back(ids[i]);
  }
  ids = std::move(kept);
}

Reply AccountStatuses(const RouteDeps& deps, Request& request) {
  AccountId account = request.ArgId<AccountId>(0);
  auto record = deps.records.Get<accounts::AccountRecord>(accounts::AccountKey(account));
  if (!record) throw Error::NotFound();
  Page page = StatusesPage(request);
  AccountFlags flags(request.params);
  std::string tag = codec::NormalizeTag(request.params["tagged"].Text().value_or(""));
  auto source = [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
    Candidates next;
    if (flags.nothing) return next;
    size_t rows_max = std::max(limit, limits::kStatusesPageMax);
    auto rows = deps.statuses.Outbox(account, bounds, rows_max, upwards);
    next.more = rows.size() == rows_max;
    for (const OutboxRow& row : rows) {
      if (next.ids.size() == limit) {
        next.more = true;
        break;
      }
      next.last = row.id();
      if (flags.Wants(row)) next.ids.emplace_back(row.id());
    }
    if (!tag.empty()) KeepTagged(deps.records, tag, next.ids);
    return next;
  };
  auto shown = deps.views.LoadPage(request.caller.account, page, LoadFor::kProfile, source);
  return PageReply(deps, request, page, shown,
                   {"pinned", "tagged", "only_media", "exclude_replies", "exclude_reblogs"});
}

}  // namespace

void AddRoutes(net::RouteTable& table, const RouteDeps& deps) {
  auto with = [deps](Reply (*handle)(const RouteDeps&, Request&)) {
    return [deps, handle](Request& request) { return handle(deps, request); };
  };
  table.Add({.method = Method::kPost,
             .path = "/api/v1/statuses",
             .auth = Auth::kUser,
             .scopes = "write:statuses",
             .rate = net::RateClass::kPosting,
             .handler = with(Create)});
  auto read = [&](std::string path, Reply (*handle)(const RouteDeps&, Request&)) {
    table.Add({.method = Method::kGet,
               .path = std::move(path),
               .auth = Auth::kOptional,
               .scopes = "read:statuses",
               .caching = net::Caching::kPublic,
               .handler = with(handle)});
  };
  read("/api/v1/statuses", ShowMany);
  read("/api/v1/statuses/:id", Show);
  read("/api/v1/statuses/:id/context", Context);
  read("/api/v1/accounts/:id/statuses", AccountStatuses);
  read("/api/v1/timelines/public", PublicTimeline);
  table.Add({.method = Method::kDelete,
             .path = "/api/v1/statuses/:id",
             .auth = Auth::kUser,
             .scopes = "write:statuses",
             .rate = net::RateClass::kDeleting,
             .handler = with(Delete)});
}

}  // namespace stampede::statuses
