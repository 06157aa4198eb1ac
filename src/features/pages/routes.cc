#include "features/pages/routes.h"

#include <memory>
#include <unordered_map>

#include "base/limits.h"
#include "features/instance/page.h"
#include "features/pages/view.h"

namespace stampede::pages {
namespace {

using accounts::AccountData;
using net::Reply;
using net::Request;
using statuses::LoadFor;
using statuses::StatusData;

constexpr AccountId kEverybody{};

// One page of posts and whether older ones follow.
struct Posts {
  std::vector<StatusData> shown;
  uint64_t older = 0;  // max_id of the next page; 0: this was the last
  bool newest = true;  // the page that one sees first
};

// The handlers. Thread-safe.
class Pages {
 public:
  Pages(instance::InstanceService& instance, accounts::AccountsService& accounts,
        statuses::StatusesService& statuses, statuses::StatusViews& views, const Site& site,
        Clock& clock)
      : instance_(instance),
        accounts_(accounts),
        statuses_(statuses),
        views_(views),
        site_(site),
        clock_(clock) {}

  Reply Front(Request& request) const;
  Reply Profile(Request& request, ProfileTab tab) const;
  Reply Post(Request& request) const;
  // The addresses that other servers know a profile and a post by lead to their pages.
  Reply ToProfile(Request& request) const;
  Reply ToPost(Request& request) const;

 private:
  AccountData FindAccount(std::string_view handle) const;
  Posts LoadPosts(const Request& request, LoadFor purpose,
                  const statuses::CandidateSource& source) const;
  statuses::Candidates PostsOf(AccountId author, ProfileTab tab, const store::IdBounds& bounds,
                               size_t limit, bool upwards) const;
  std::string Thread(const StatusData& focused) const;
  Reply Show(instance::PageContent page) const;

  instance::InstanceService& instance_;
  accounts::AccountsService& accounts_;
  statuses::StatusesService& statuses_;
  statuses::StatusViews& views_;
  const Site& site_;
  Clock& clock_;
};

Reply Pages::Show(instance::PageContent page) const {
  Reply reply = instance::PageReply(site_, page);
  for (auto& [name, value] : reply.headers) {
    if (name == "Content-Security-Policy") value += "; form-action 'none'";  // there are no forms
  }
  return reply;
}

// A local account that may be shown. Those who have not been let in yet have no page.
AccountData Pages::FindAccount(std::string_view handle) const {
  auto id = accounts_.FindByName(handle);
  if (!id) throw Error::NotFound();
  auto standing = accounts_.StandingOf(*id);
  if (standing != accounts::Standing::kActive && standing != accounts::Standing::kDisabled) {
    throw Error::NotFound();
  }
  auto loaded = accounts::LoadAccounts(accounts_.records(), {&*id, 1});
  if (loaded.empty() || loaded.front().account->suspended_ms()) throw Error::NotFound();
  return std::move(loaded.front());
}

Posts Pages::LoadPosts(const Request& request, LoadFor purpose,
                       const statuses::CandidateSource& source) const {
  constexpr size_t kShown = limits::kStatusesPageDefault;
  net::Page page = net::ParsePage(request, kShown, kShown);
  page.since_id = page.min_id = 0;
  page.limit = kShown + 1;  // one more tells whether there is a next page
  statuses::Candidates last;
  auto watched = [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
    return last = source(bounds, limit, upwards);
  };
  Posts posts{.shown = views_.LoadPage(kEverybody, page, purpose, watched),
              .newest = page.max_id == UINT64_MAX};
  if (posts.shown.size() > kShown) {
    posts.shown.resize(kShown);
    posts.older = posts.shown.back().id().value();
  } else if (last.more) {
    posts.older = last.last;  // much was left out: the search goes on with the next page
  }
  return posts;
}

Reply Pages::Front(Request& request) const {
  Posts posts = LoadPosts(
      request, LoadFor::kList, [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
        statuses::Candidates next{.ids = statuses_.PublicIds(bounds, limit, upwards)};
        next.more = next.ids.size() == limit;
        if (!next.ids.empty()) next.last = next.ids.back().value();
        return next;
      });
  instance::PageContent page{.title = site_.title, .description = site_.description};
  page.url = site_.base_url + "/";
  page.indexed = posts.newest;
  if (posts.newest) page.body_html = RenderWelcome(site_, instance_.GetStats());
  page.body_html += "<h2 id=\"posts\">" +
                    std::string(posts.newest ? "Newest public posts" : "Older public posts") +
                    "</h2>" + RenderPosts(posts.shown, site_, clock_.NowMs()) +
                    RenderPaging("/", posts.newest, posts.older);
  return Show(std::move(page));
}

// What the outbox holds next for a tab. Answers to oneself are posts; answers to others only show
// among the replies.
statuses::Candidates Pages::PostsOf(AccountId author, ProfileTab tab, const store::IdBounds& bounds,
                                    size_t limit, bool upwards) const {
  statuses::Candidates next;
  auto rows = statuses_.Outbox(author, bounds, limit, upwards);
  next.more = rows.size() == limit;
  for (const statuses::OutboxRow& row : rows) {
    next.last = row.id();
    bool reply = row.in_reply_to_id() && row.in_reply_to_account() != author.value();
    if (tab == ProfileTab::kWithReplies || !reply) next.ids.emplace_back(row.id());
  }
  return next;
}

Reply Pages::Profile(Request& request, ProfileTab tab) const {
  AccountData account = FindAccount(request.args.at(0));
  AccountId id(account.account->id());
  Posts posts = LoadPosts(request, LoadFor::kProfile,
                          [&](const store::IdBounds& bounds, size_t limit, bool upwards) {
                            return PostsOf(id, tab, bounds, limit, upwards);
                          });
  instance::PageContent page;
  page.title = NameOf(account) + " (" + FullHandle(account, site_) + ")";
  page.description = SummaryOf(account);
  page.image_url = accounts::AvatarUrl(*account.account, site_);
  page.url = accounts::ProfileUrl(*account.account, site_);
  page.indexed = account.account->indexable() && posts.newest;
  std::string path = "/@" + account.account->username();
  if (tab == ProfileTab::kWithReplies) path += "/with_replies";
  page.body_html = RenderProfile(account, site_, tab) +
                   RenderPosts(posts.shown, site_, clock_.NowMs()) +
                   RenderPaging(path, posts.newest, posts.older);
  return Show(std::move(page));
}

// What a post answers to above it, and its answers below, indented by how deep they are.
std::string Pages::Thread(const StatusData& focused) const {
  int64_t now_ms = clock_.NowMs();
  auto above = statuses_.Ancestors(focused.id(), limits::kAnonymousAncestorsMax);
  auto below = statuses_.Descendants(focused.id(), limits::kAnonymousDescendantsMax,
                                     limits::kAnonymousDepthMax);
  std::string html;
  for (const StatusData& data : views_.Load(kEverybody, above, LoadFor::kList)) {
    html += RenderPost(data, site_, now_ms, PostStyle::kThread);
  }
  html += RenderPost(focused, site_, now_ms, PostStyle::kFocused);
  std::unordered_map<uint64_t, int> depths{{focused.status->id(), 0}};
  for (const StatusData& data : views_.Load(kEverybody, below, LoadFor::kList)) {
    auto parent = depths.find(data.status->in_reply_to_id());
    int depth = parent == depths.end() ? 1 : parent->second + 1;
    depths[data.status->id()] = depth;
    html += RenderPost(data, site_, now_ms, PostStyle::kThread, depth);
  }
  return html;
}

Reply Pages::Post(Request& request) const {
  StatusData data = views_.LoadOne(kEverybody, request.ArgId<StatusId>(1));
  // Of a boost the original; and the author's name as it is, whatever the address says.
  std::string address = views_.UrlOf(data);
  if (data.reblog || request.args.at(0) != accounts::Acct(*data.author.account)) {
    return Reply::Redirect(address, 301);
  }
  instance::PageContent page;
  page.title = NameOf(data.author) + ": " + SummaryOf(data);
  page.description = SummaryOf(data);
  page.image_url = accounts::AvatarUrl(*data.author.account, site_);
  page.url = address;
  page.indexed = data.author.account->indexable() &&
                 statuses::VisibilityOf(*data.status) == relationships::Visibility::kPublic;
  page.body_html = Thread(data);
  return Show(std::move(page));
}

Reply Pages::ToProfile(Request& request) const {
  AccountData account = FindAccount(request.args.at(0));
  return Reply::Redirect(accounts::ProfileUrl(*account.account, site_), 301);
}

Reply Pages::ToPost(Request& request) const {
  StatusData data = views_.LoadOne(kEverybody, request.ArgId<StatusId>(1));
  return Reply::Redirect(views_.UrlOf(data), 301);
}

void AddPage(net::RouteTable& table, std::string path, net::Handler handler) {
  table.Add({.method = net::Method::kGet,
             .path = std::move(path),
             .auth = net::Auth::kNone,
             .rate = net::RateClass::kApi,
             .caching = net::Caching::kPublic,
             .handler = std::move(handler)});
}

}  // namespace

void AddRoutes(net::RouteTable& table, instance::InstanceService& instance,
               accounts::AccountsService& accounts, statuses::StatusesService& statuses,
               statuses::StatusViews& views, const Site& site, Clock& clock) {
  auto pages = std::make_shared<const Pages>(instance, accounts, statuses, views, site, clock);
  AddPage(table, "/", [=](Request& request) { return pages->Front(request); });
  AddPage(table, "/@:username",
          [=](Request& request) { return pages->Profile(request, ProfileTab::kPosts); });
  AddPage(table, "/@:username/with_replies",
          [=](Request& request) { return pages->Profile(request, ProfileTab::kWithReplies); });
  AddPage(table, "/@:username/:id", [=](Request& request) { return pages->Post(request); });
  AddPage(table, "/users/:username", [=](Request& request) { return pages->ToProfile(request); });
  AddPage(table, "/users/:username/statuses/:id",
          [=](Request& request) { return pages->ToPost(request); });
}

}  // namespace stampede::pages
