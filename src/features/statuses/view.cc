#include "features/statuses/view.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "base/error.h"
#include "codec/iso_time.h"
#include "codec/url.h"
#include "features/accounts/keys.h"
#include "features/statuses/keys.h"

namespace stampede::statuses {

namespace {

using accounts::AccountData;
using accounts::AccountFetch;
using relationships::Ties;
using relationships::TiesFetch;
using relationships::Visibility;

// What the viewer did with the statuses of a page. Most pages are newer than all that their viewer
// ever marked, and nothing is read. Otherwise the keys of statuses of one time are next to each other,
// so they are scanned where a scan is cheap.
class Marks {
 public:
  // Adds to the fetch, which has to run before the rest.
  Marks(store::RecordFetch& fetch, AccountId viewer)
      : fetch_(fetch),
        viewer_(viewer),
        newest_(viewer ? &fetch.Want<NewestMarkRecord>(NewestMarkKey(viewer)) : nullptr) {}

  void Want(StatusId id) {
    if (Possible(id)) wanted_[id] = &fetch_.Want<MyStatusRecord>(MyStatusKey(viewer_, id));
  }
  // Of a time. Scans now, or adds to the fetch.
  void Read(store::Store& store, std::vector<StatusId> ids) {
    std::erase_if(ids, [this](StatusId id) { return !Possible(id); });
    if (ids.empty() || Scanned(store, ids)) return;
    for (StatusId id : ids) Want(id);
  }
  std::shared_ptr<const MyStatusRecord> Of(StatusId id) const {
    auto wanted = wanted_.find(id);
    if (wanted != wanted_.end()) return *wanted->second;
    auto found = found_.find(id);
    return found == found_.end() ? nullptr : found->second;
  }

 private:
  bool Possible(StatusId id) const {
    return newest_ && *newest_ && id.value() <= (*newest_)->status();
  }
  // False when it does not pay.
  bool Scanned(store::Store& store, std::span<const StatusId> ids) {
    constexpr size_t kFew = 4, kRowsMax = 50;
    if (ids.size() <= kFew || store.remote()) return false;
    auto [first, last] = std::ranges::minmax(ids);
    auto rows = store.Scan({MyStatusRange(viewer_, first, last), kRowsMax});
    if (rows.size() == kRowsMax) return false;
    for (const store::Row& row : rows) {
      auto mark = std::make_shared<MyStatusRecord>();
      if (!mark->ParseFromString(row.value)) throw std::runtime_error("my_status: does not parse");
      found_[StatusOfMyStatusKey(row.key)] = std::move(mark);
    }
    return true;
  }

  store::RecordFetch& fetch_;
  const AccountId viewer_;
  const std::shared_ptr<const NewestMarkRecord>* newest_;  // null: nobody views
  std::unordered_map<StatusId, const std::shared_ptr<const MyStatusRecord>*> wanted_;
  std::unordered_map<StatusId, std::shared_ptr<const MyStatusRecord>> found_;
};

// The reads of one status beside its record and its author's account.
struct StatusReads {
  const std::shared_ptr<const store::Counters>& counters;
  TiesFetch ties;
  std::vector<TiesFetch> mentioned;  // for kHome: the viewer and those the status mentions
};

// One status of the page on its way: its own reads and, of a boost, those of the original.
struct Loading {
  std::shared_ptr<const StatusRecord> status;
  std::optional<StatusReads> reads;
  const std::shared_ptr<const StatusRecord>* original = nullptr;
  std::optional<StatusReads> original_reads;
};

// Judges and assembles what was read, for one viewer and purpose.
class Assembler {
 public:
  Assembler(const AccountFetch& accounts, const Marks& marks, AccountId viewer, LoadFor purpose,
            int64_t now_ms)
      : accounts_(accounts), marks_(marks), viewer_(viewer), purpose_(purpose), now_ms_(now_ms) {}

  std::optional<StatusData> Assemble(const Loading& loading) const {
    auto data = AssembleOne(loading.status, *loading.reads, purpose_ >= LoadFor::kList);
    if (!data || !loading.original) return data;
    auto original =
        AssembleOne(*loading.original, *loading.original_reads, purpose_ >= LoadFor::kProfile);
    if (!original) return std::nullopt;
    data->reblog = std::make_shared<const StatusData>(std::move(*original));
    return data;
  }

 private:
  std::optional<StatusData> AssembleOne(const std::shared_ptr<const StatusRecord>& status,
                                        const StatusReads& reads, bool as_listed) const {
    if (!status) return std::nullopt;
    AccountId author(status->author());
    StatusData data{.status = status,
                    .author = accounts_.Take(author),
                    .replies = Shown(reads, StatusCounter::kReplies),
                    .reblogs = Shown(reads, StatusCounter::kReblogs),
                    .favourites = Shown(reads, StatusCounter::kFavourites),
                    .mine = marks_.Of(StatusId(status->id()))};
    if (!data.author) return std::nullopt;
    Ties ties = reads.ties.Take();
    bool suspended = data.author.account->suspended_ms() != 0;
    if (!VisibleTo(viewer_, *status, suspended, ties)) return std::nullopt;
    if (!as_listed || author == viewer_) return data;
    if (relationships::HiddenFromLists(viewer_, author, ties, now_ms_)) return std::nullopt;
    for (const TiesFetch& mentioned : reads.mentioned) {
      Ties mine = mentioned.Take();
      if (mine.blocking() || mine.muting(now_ms_)) return std::nullopt;
    }
    return data;
  }

  static int64_t Shown(const StatusReads& reads, StatusCounter counter) {
    return std::max<int64_t>(0, (*reads.counters)[counter]);
  }

  const AccountFetch& accounts_;
  const Marks& marks_;
  AccountId viewer_;
  LoadFor purpose_;
  int64_t now_ms_;
};

// Loads statuses for one viewer, in at most three round trips and a scan.
class PageLoad {
 public:
  PageLoad(store::Records& records, AccountId viewer, LoadFor purpose)
      : records_(records), viewer_(viewer), purpose_(purpose) {}

  void ReadStatuses(std::span<const StatusId> ids);
  // Authors, counters, ties, marks; boosted statuses.
  void ReadAround();
  // Whom a boosted status mentions is only known now, and only matters at home.
  void ReadMentionedByOriginals();
  std::vector<StatusData> Take(int64_t now_ms) const;

 private:
  StatusReads Want(StatusId id, AccountId author, Visibility visibility);
  void WantMentioned(const StatusRecord& status, StatusReads& reads);

  store::Records& records_;
  const AccountId viewer_;
  const LoadFor purpose_;
  store::RecordFetch fetch_{records_};
  AccountFetch accounts_{fetch_};
  Marks marks_{fetch_, viewer_};
  // Whether the viewer blocks or mutes anybody, or is blocked. Of most, no tie can hide anything.
  bool restricted_ = false;
  std::vector<Loading> page_;
};

void PageLoad::ReadStatuses(std::span<const StatusId> ids) {
  std::vector<const std::shared_ptr<const StatusRecord>*> statuses;
  statuses.reserve(ids.size());
  for (StatusId id : ids) statuses.push_back(&fetch_.Want<StatusRecord>(StatusKey(id)));
  const std::shared_ptr<const store::Counters>* counters = nullptr;
  if (viewer_) counters = &fetch_.Want<store::Counters>(accounts::CountersKey(viewer_));
  fetch_.Run();
  restricted_ = counters && (**counters)[accounts::AccountCounter::kRestrictions] != 0;
  page_.reserve(ids.size());
  for (const auto* status : statuses) {
    if (*status) page_.push_back({.status = *status});
  }
}

void PageLoad::ReadAround() {
  std::vector<StatusId> posts;  // nobody does anything with a boost itself
  for (Loading& loading : page_) {
    const StatusRecord& status = *loading.status;
    const Visibility visibility = VisibilityOf(status);
    loading.reads.emplace(Want(StatusId(status.id()), AccountId(status.author()), visibility));
    if (purpose_ == LoadFor::kHome) WantMentioned(status, *loading.reads);
    if (StatusId original(status.reblog_of()); original) {
      // A boost is no more public than what it boosts.
      loading.original = &fetch_.Want<StatusRecord>(StatusKey(original));
      loading.original_reads.emplace(
          Want(original, AccountId(status.reblog_of_author()), visibility));
      marks_.Want(original);  // it may be from any time
    } else {
      posts.emplace_back(status.id());
    }
  }
  marks_.Read(records_.store(), std::move(posts));
  fetch_.Run();
}

void PageLoad::ReadMentionedByOriginals() {
  if (purpose_ != LoadFor::kHome) return;
  for (Loading& loading : page_) {
    if (loading.original && *loading.original) {
      WantMentioned(**loading.original, *loading.original_reads);
    }
  }
  fetch_.Run();
}

StatusReads PageLoad::Want(StatusId id, AccountId author, Visibility visibility) {
  accounts_.Want(author);
  const bool matter = restricted_ || visibility == Visibility::kPrivate;
  return {.counters = fetch_.Want<store::Counters>(CountersKey(id)),
          .ties = matter ? TiesFetch(fetch_, viewer_, author) : TiesFetch(),
          .mentioned = {}};
}

void PageLoad::WantMentioned(const StatusRecord& status, StatusReads& reads) {
  if (!restricted_) return;
  for (const Mention& mention : status.mentions()) {
    if (AccountId account(mention.account()); account != viewer_) {
      reads.mentioned.emplace_back(fetch_, viewer_, account);
    }
  }
}

std::vector<StatusData> PageLoad::Take(int64_t now_ms) const {
  Assembler assembler(accounts_, marks_, viewer_, purpose_, now_ms);
  std::vector<StatusData> loaded;
  loaded.reserve(page_.size());
  for (const Loading& loading : page_) {
    if (auto data = assembler.Assemble(loading)) loaded.push_back(std::move(*data));
  }
  return loaded;
}

}  // namespace

std::vector<StatusData> StatusViews::Load(AccountId viewer, std::span<const StatusId> ids,
                                          LoadFor purpose) {
  if (ids.empty()) return {};
  PageLoad load(records_, viewer, purpose);
  load.ReadStatuses(ids);
  load.ReadAround();
  load.ReadMentionedByOriginals();
  return load.Take(clock_.NowMs());
}

std::vector<StatusData> StatusViews::LoadPage(AccountId viewer, const net::Page& page,
                                              LoadFor purpose, const CandidateSource& source) {
  // Reads only what the page lacks, but ever more when much of it turns out to be hidden; in all a
  // bounded search.
  constexpr size_t kRounds = 10, kFirstExtra = 5, kChunkMax = 80;
  store::IdBounds bounds{.lower = page.lower(), .upper = page.max_id};
  std::vector<StatusData> shown;
  for (size_t round = 0; round < kRounds && shown.size() < page.limit; ++round) {
    size_t missing = page.limit - shown.size();
    size_t chunk = std::max(missing, std::min(kFirstExtra << round, kChunkMax));
    Candidates next = source(bounds, chunk, page.upwards());
    auto loaded = Load(viewer, next.ids, purpose);
    for (size_t i = 0; i < std::min(missing, loaded.size()); ++i) {
      shown.push_back(std::move(loaded[i]));
    }
    if (!next.more || next.last == 0) break;
    (page.upwards() ? bounds.lower : bounds.upper) = next.last;
  }
  if (page.upwards()) std::ranges::reverse(shown);
  return shown;
}

StatusData StatusViews::LoadOne(AccountId viewer, StatusId id) {
  auto loaded = Load(viewer, {&id, 1}, LoadFor::kItself);
  if (loaded.empty()) throw Error::NotFound();
  return std::move(loaded.front());
}

void StatusViews::Render(codec::JsonWriter& json, const StatusData& data,
                         const net::Caller& caller) const {
  RenderAs(json, data, caller, Body::kContent);
}

void StatusViews::RenderDeleted(codec::JsonWriter& json, const StatusData& data,
                                const net::Caller& caller) const {
  RenderAs(json, data, caller, Body::kText);
}

std::string StatusViews::RenderList(std::span<const StatusData> list,
                                    const net::Caller& caller) const {
  codec::JsonWriter json(list.size() * 4096 + 16);
  json.Array();
  for (const StatusData& data : list) Render(json, data, caller);
  json.EndArray();
  return json.TakeString();
}

std::string StatusViews::UrlOf(const StatusData& data) const {
  const StatusData& original = data.reblog ? *data.reblog : data;
  return accounts::ProfileUrl(*original.author.account, site_) + "/" + original.id().ToString();
}

namespace {

void RenderMentions(codec::JsonWriter& json, const StatusRecord& status, const Site& site) {
  json.Key("mentions").Array();
  for (const Mention& mention : status.mentions()) {
    std::string acct = mention.username();
    if (!mention.domain().empty()) acct += "@" + mention.domain();
    json.Object();
    json.Field("id", AccountId(mention.account()));
    json.Field("username", mention.username());
    json.Field("url",
               mention.url().empty() ? site.base_url + "/@" + mention.username() : mention.url());
    json.Field("acct", acct);
    json.EndObject();
  }
  json.EndArray();
}

void RenderTags(codec::JsonWriter& json, const StatusRecord& status, const Site& site) {
  json.Key("tags").Array();
  for (const std::string& tag : status.tags()) {
    json.Object();
    json.Field("name", tag);
    json.Field("url", site.base_url + "/tags/" + codec::PercentEncode(tag));
    json.EndObject();
  }
  json.EndArray();
}

// Nobody can quote here yet, and the entity says so.
void RenderQuoteApproval(codec::JsonWriter& json) {
  json.Key("quote_approval").Object();
  json.Key("automatic").Array().EndArray();
  json.Key("manual").Array().EndArray();
  json.Field("current_user", "denied");
  json.EndObject();
}

void EmptyArrays(codec::JsonWriter& json, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) json.Key(key).Array().EndArray();
}

void RenderViewerKeys(codec::JsonWriter& json, const StatusData& data) {
  json.Field("favourited", data.mine && data.mine->favourite_id() != 0);
  json.Field("reblogged", data.mine && data.mine->reblog_id() != 0);
  json.Field("muted", false);
  json.Field("bookmarked", false);
  EmptyArrays(json, {"filtered"});
}

void RenderApplication(codec::JsonWriter& json, const StatusRecord& status) {
  if (status.app_name().empty()) return;
  json.Key("application").Object();
  json.Field("name", status.app_name());
  json.Key("website");
  if (status.app_website().empty())
    json.Null();
  else
    json.String(status.app_website());
  json.EndObject();
}

}  // namespace

void StatusViews::WriteRecordKeys(codec::JsonWriter& json, const StatusData& data,
                                  Body body) const {
  const StatusRecord& status = *data.status;
  std::string id = data.id().ToString();
  json.Field("id", id);
  json.Field("created_at", codec::IsoTime(status.created_ms()));
  json.Field("in_reply_to_id", StatusId(status.in_reply_to_id()));
  json.Field("in_reply_to_account_id", AccountId(status.in_reply_to_account()));
  json.Field("sensitive", status.sensitive());
  json.Field("spoiler_text", status.spoiler_text());
  json.Field("visibility", VisibilityName(VisibilityOf(status)));
  json.Key("language");
  if (status.language().empty())
    json.Null();
  else
    json.String(status.language());
  std::string uri = accounts::ActorUri(*data.author.account, site_) + "/statuses/" + id;
  json.Field("uri", status.reblog_of() ? uri + "/activity" : uri);
  json.Field("quotes_count", 0);
  json.Key("edited_at");
  if (status.edited_ms())
    json.String(codec::IsoTime(status.edited_ms()));
  else
    json.Null();
  if (body == Body::kText)
    json.Field("text", status.text());
  else
    json.Field("content", status.content());
  RenderApplication(json, status);
  RenderMentions(json, status, site_);
  RenderTags(json, status, site_);
  EmptyArrays(json, {"media_attachments", "emojis", "tagged_collections"});
  json.Field("quote", nullptr).Field("card", nullptr).Field("poll", nullptr);
  RenderQuoteApproval(json);
}

void StatusViews::RenderAs(codec::JsonWriter& json, const StatusData& data,
                           const net::Caller& caller, Body body) const {
  const StatusRecord& status = *data.status;
  json.Object();
  if (body == Body::kContent) {
    json.Raw(*texts_.Get(data.status, [&] {
      codec::JsonWriter keys;
      WriteRecordKeys(keys, data, body);
      return keys.TakeString();
    }));
  } else {
    WriteRecordKeys(json, data, body);
  }
  json.Field("url", UrlOf(data));
  json.Field("replies_count", data.replies);
  json.Field("reblogs_count", data.reblogs);
  json.Field("favourites_count", data.favourites);
  json.Key("reblog");
  if (data.reblog)
    RenderAs(json, *data.reblog, caller, Body::kContent);
  else
    json.Null();
  json.Key("account");
  accounts::RenderAccount(json, data.author, site_, &texts_);
  if (caller.is_user()) RenderViewerKeys(json, data.reblog ? *data.reblog : data);
  if (caller.account == AccountId(status.author()) && !data.reblog &&
      VisibilityOf(status) != Visibility::kDirect) {
    json.Field("pinned", false);
  }
  json.EndObject();
}

void AddStatusLinks(net::Reply& reply, const net::Request& request, const net::Page& page,
                    const Site& site, std::span<const StatusData> shown,
                    std::vector<std::string_view> keep) {
  if (shown.empty()) return;
  net::AddLinks(reply, request, page, site.base_url,
                {.newest = shown.front().id().value(),
                 .oldest = shown.back().id().value(),
                 .keep = std::move(keep)});
}

}  // namespace stampede::statuses
