#include "features/statuses/service.h"

#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/limits.h"
#include "codec/crypto.h"
#include "codec/language.h"
#include "codec/text.h"
#include "codec/utf8.h"
#include "features/accounts/keys.h"
#include "features/accounts/names.h"
#include "features/accounts/records.pb.h"
#include "features/instance/keys.h"
#include "features/notifications/service.h"
#include "features/relationships/keys.h"
#include "features/statuses/keys.h"
#include "features/statuses/policy.h"

namespace stampede::statuses {

namespace {

using accounts::AccountRecord;
using accounts::AccountRef;
using accounts::UserRecord;
using relationships::Ties;
using relationships::Visibility;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
static_assert(limits::kIdempotencyMs <= kHourMs, "the rows of two hours cover every live key");

template <class Record>
std::optional<Record> Parse(const std::optional<std::string>& value) {
  Record record;
  if (!value || !record.ParseFromString(*value)) return std::nullopt;
  return record;
}

// The accounts a text mentions, with what formatting needs of them.
class MentionedAccounts {
 public:
  MentionedAccounts(store::Records& records, const Site& site, AccountId author,
                    std::string_view text) {
    std::vector<std::string> handles = Handles(text, site);
    std::vector<std::string> keys;
    for (const std::string& handle : handles) keys.push_back(accounts::NameKey(handle));
    auto refs = records.MultiGet<AccountRef>(keys);
    store::RecordFetch fetch(records);
    std::vector<Found> found;
    for (size_t i = 0; i < refs.size(); ++i) {
      if (refs[i]) found.emplace_back(fetch, handles[i], author, AccountId(refs[i]->id()));
    }
    fetch.Run();
    for (const Found& one : found) {
      if (!one.MayBeMentioned()) continue;
      targets_[one.handle] = {accounts::ProfileUrl(*one.account, site), one.account->username(),
                              one.account->domain()};
      if (seen_.insert(one.id).second) accounts_.push_back(one.account);
    }
  }

  const codec::MentionTarget* Resolve(std::string_view handle, const Site& site) const {
    auto it = targets_.find(Canonical(handle, site));
    return it == targets_.end() ? nullptr : &it->second;
  }
  const std::vector<std::shared_ptr<const AccountRecord>>& accounts() const { return accounts_; }

 private:
  struct Found {
    std::string handle;
    AccountId id;
    bool is_self;
    const std::shared_ptr<const AccountRecord>& account;
    const std::shared_ptr<const UserRecord>& user;
    relationships::TiesFetch ties;

    Found(store::RecordFetch& fetch, std::string handle, AccountId author, AccountId id)
        : handle(std::move(handle)),
          id(id),
          is_self(author == id),
          account(fetch.Want<AccountRecord>(accounts::AccountKey(id))),
          user(fetch.Want<UserRecord>(accounts::UserKey(id))),
          ties(fetch, author, id) {}

    // Neither across a block nor somebody who cannot sign in yet.
    bool MayBeMentioned() const {
      if (!account || account->suspended_ms()) return false;
      if (account->domain().empty() && (!user || !user->confirmed_ms() || !user->approved_ms())) {
        return false;
      }
      Ties between = ties.Take();
      return is_self || (!between.blocking() && !between.blocked_by());
    }
  };

  // Lower case, and without the domain when it is ours.
  static std::string Canonical(std::string_view handle, const Site& site) {
    std::string lower = codec::Lowercase(handle);
    size_t at = lower.find('@');
    if (at != std::string::npos && lower.substr(at + 1) == codec::Lowercase(site.domain)) {
      lower.resize(at);
    }
    return lower;
  }

  static std::vector<std::string> Handles(std::string_view text, const Site& site) {
    std::vector<std::string> handles;
    std::unordered_set<std::string> seen;
    for (const codec::Entity& entity : codec::FindEntities(text)) {
      if (entity.kind != codec::Entity::kMention) continue;
      std::string handle = Canonical(entity.text, site);
      if (handles.size() < limits::kMentionsMax && seen.insert(handle).second) {
        handles.push_back(std::move(handle));
      }
    }
    return handles;
  }

  std::unordered_map<std::string, codec::MentionTarget> targets_;
  std::unordered_set<AccountId> seen_;
  std::vector<std::shared_ptr<const AccountRecord>> accounts_;
};

void SetTags(StatusRecord& status, std::string_view text) {
  std::unordered_set<std::string> seen;
  for (const codec::Entity& entity : codec::FindEntities(text)) {
    if (entity.kind != codec::Entity::kHashtag) continue;
    std::string tag = codec::NormalizeTag(entity.text);
    if (!tag.empty() && seen.insert(tag).second) status.add_tags(tag);
  }
}

void SetText(StatusRecord& status, const NewStatus& post, const MentionedAccounts& mentioned,
             const Site& site) {
  status.set_text(post.text);
  status.set_spoiler_text(post.spoiler_text);
  codec::FormatContext context;
  context.base_url = site.base_url;
  context.resolve_mention = [&](std::string_view handle) {
    return mentioned.Resolve(handle, site);
  };
  status.set_content(codec::FormatStatus(post.text, context));
  for (const auto& account : mentioned.accounts()) {
    Mention& mention = *status.add_mentions();
    mention.set_account(account->id());
    mention.set_username(account->username());
    mention.set_domain(account->domain());
    mention.set_url(account->url());
  }
  SetTags(status, post.text);
}

void CheckAllowedMentions(const NewStatus& post, const StatusRecord& status) {
  if (!post.allowed_mentions) return;
  UnexpectedMentions unexpected;
  for (const Mention& mention : status.mentions()) {
    AccountId account(mention.account());
    const auto& allowed = *post.allowed_mentions;
    if (account != post.author && std::ranges::find(allowed, account) == allowed.end()) {
      unexpected.accounts.push_back(account);
    }
  }
  if (!unexpected.accounts.empty()) throw unexpected;
}

// What the author's settings say where the post does not.
void SetDefaults(StatusRecord& status, const NewStatus& post, store::Records& records,
                 const Site& site) {
  store::RecordFetch fetch(records);
  const auto& account = fetch.Want<AccountRecord>(accounts::AccountKey(post.author));
  const auto& user = fetch.Want<UserRecord>(accounts::UserKey(post.author));
  fetch.Run();
  if (!account || !user) throw Error::NotFound();
  Visibility visibility = account->locked() ? Visibility::kPrivate : Visibility::kPublic;
  if (user->default_visibility()) {
    visibility = static_cast<Visibility>(user->default_visibility() - 1);
  }
  if (post.visibility) visibility = *post.visibility;
  if (account->silenced_ms() && visibility == Visibility::kPublic)
    visibility = Visibility::kUnlisted;
  status.set_visibility(static_cast<int>(visibility));
  status.set_sensitive(!post.spoiler_text.empty() ||
                       post.sensitive.value_or(user->default_sensitive()));
  auto language = codec::NormalizeLanguage(post.language);
  if (!language) language = codec::NormalizeLanguage(user->default_language());
  status.set_language(language ? *language : site.languages.empty() ? "" : site.languages.front());
}

[[noreturn]] void ThrowParentNotFound() {
  throw Error(ErrorCode::kNotFound,
              "The post you are trying to reply to does not appear to exist.");
}

// The status a reply attaches to: of a boost, the original. Read from the store, because the commit
// rests on it.
StatusRecord ReadParent(events::Committer& committer, AccountId author, StatusId id) {
  auto parent = Parse<StatusRecord>(committer.store().Get(StatusKey(id)));
  if (parent && parent->reblog_of()) {
    parent = Parse<StatusRecord>(committer.store().Get(StatusKey(StatusId(parent->reblog_of()))));
  }
  if (!parent) ThrowParentNotFound();
  AccountId parent_author(parent->author());
  store::RecordFetch fetch(committer.records());
  relationships::TiesFetch ties(fetch, author, parent_author);
  const auto& account = fetch.Want<AccountRecord>(accounts::AccountKey(parent_author));
  fetch.Run();
  bool suspended = !account || account->suspended_ms() != 0;
  if (!VisibleTo(author, *parent, suspended, ties.Take())) ThrowParentNotFound();
  return std::move(*parent);
}

void AttachToParent(events::Action& action, StatusRecord& status, const StatusRecord& parent) {
  StatusId parent_id(parent.id());
  status.set_in_reply_to_id(parent.id());
  // Somebody who goes on answering goes on answering the same person.
  bool goes_on = parent.author() == status.author() && parent.in_reply_to_account();
  status.set_in_reply_to_account(goes_on ? parent.in_reply_to_account() : parent.author());
  status.set_thread_root(parent.thread_root());
  action.batch.ExpectPresent(StatusKey(parent_id));
  action.batch.Put(ReplyKey(parent_id, StatusId(status.id())), "");
  if (CountsForParent(status)) {
    action.batch.Add(CounterKey(parent_id, StatusCounter::kReplies), 1);
  }
}

// One idempotency key at work: finds what it has made, or books it for what is being made.
class Idempotency {
 public:
  Idempotency(events::Committer& committer, const NewStatus& post)
      : committer_(committer), author_(post.author) {
    if (!post.idempotency_key.empty()) hash_ = codec::Sha256(post.idempotency_key);
  }

  std::optional<StatusId> Find() {
    if (hash_.empty()) return std::nullopt;
    int64_t now_ms = committer_.clock().NowMs();
    hour_ = now_ms / kHourMs;
    std::vector<std::string> keys = {IdempotencyKey(author_, hour_, hash_),
                                     IdempotencyKey(author_, hour_ - 1, hash_)};
    auto rows = committer_.store().MultiGet(keys);
    row_ = rows[0];
    for (const auto& row : rows) {
      auto ref = Parse<StatusRef>(row);
      if (!ref || ref->created_ms() + limits::kIdempotencyMs <= now_ms) continue;
      if (committer_.records().Get<StatusRecord>(StatusKey(StatusId(ref->id())))) {
        return StatusId(ref->id());
      }
    }
    return std::nullopt;
  }

  void Book(events::Action& action, const StatusRecord& status) {
    if (hash_.empty()) return;
    StatusRef ref;
    ref.set_id(status.id());
    ref.set_created_ms(status.created_ms());
    std::string key = IdempotencyKey(author_, hour_, hash_);
    action.batch.ExpectUnchanged(key, row_);
    action.batch.Put(std::move(key), ref.SerializeAsString());
  }

 private:
  events::Committer& committer_;
  AccountId author_;
  std::string hash_;
  int64_t hour_ = 0;
  std::optional<std::string> row_;
};

void NotifyMentioned(events::Action& action, const StatusRecord& status) {
  for (const Mention& mention : status.mentions()) {
    if (mention.account() == status.author() || !mention.domain().empty()) continue;
    notifications::Notify(action, notifications::NotificationType::kMention,
                          AccountId(mention.account()), AccountId(status.author()),
                          StatusId(status.id()));
  }
}

}  // namespace

void AddToOutbox(events::Action& action, const StatusRecord& status,
                 const store::Counters& before) {
  AccountId author(status.author());
  StatusId id(status.id());
  std::string row = OutboxRowOf(status).SerializeAsString();
  action.batch.Put(OutboxKey(author, id), row);
  if (IsOnPublicTimeline(status)) action.batch.Put(PublicKey(id), "");
  if (CountsForAuthor(status)) {
    action.batch.Add(accounts::CounterKey(author, accounts::AccountCounter::kStatuses), 1);
    instance::CountStatus(action.batch, id, 1);
    const int64_t day_ms = status.created_ms() - status.created_ms() % kDayMs;
    if (day_ms > before[accounts::AccountCounter::kLastStatusMs]) {
      action.batch.Put(accounts::CounterKey(author, accounts::AccountCounter::kLastStatusMs),
                       store::EncodeCounter(day_ms));
    }
  }
  action.Announce(events::EventKind::kStatusCreated, author, std::move(row));
}

void RemoveFromOutbox(events::Action& action, const StatusRecord& status) {
  AccountId author(status.author());
  StatusId id(status.id());
  action.batch.Erase(OutboxKey(author, id));
  if (IsOnPublicTimeline(status)) action.batch.Erase(PublicKey(id));
  if (CountsForAuthor(status)) {
    action.batch.Add(accounts::CounterKey(author, accounts::AccountCounter::kStatuses), -1);
    instance::CountStatus(action.batch, id, -1);
  }
  StatusDeleted deleted;
  deleted.set_id(status.id());
  deleted.set_author(status.author());
  deleted.set_reblog_of(status.reblog_of());
  action.Announce(events::EventKind::kStatusDeleted, author, deleted.SerializeAsString());
}

StatusesService::StatusesService(events::Committer& committer, const Site& site)
    : committer_(committer), site_(site) {}

StatusId StatusesService::Post(const NewStatus& request) {
  NewStatus post = request;
  NormaliseTexts(post.text, post.spoiler_text, static_cast<size_t>(site_.status_chars_max));
  MentionedAccounts mentioned(committer_.records(), site_, post.author, post.text);
  StatusRecord draft;
  draft.set_author(post.author.value());
  SetText(draft, post, mentioned, site_);
  SetDefaults(draft, post, committer_.records(), site_);
  CheckAllowedMentions(post, draft);
  draft.set_app(post.app.value());
  draft.set_app_name(post.app_name);
  draft.set_app_website(post.app_website);
  auto counters = committer_.records().Get<store::Counters>(accounts::CountersKey(post.author));
  const bool somebody_notified = (*counters)[accounts::AccountCounter::kNotifiedFollowers] > 0;

  StatusId posted;
  committer_.Run([&](events::Action& action) {
    Idempotency idempotency(committer_, post);
    if (auto existing = idempotency.Find()) {
      posted = *existing;
      return;
    }
    StatusRecord status = draft;
    posted = committer_.ids().Next<StatusId>(post.author.partition());
    status.set_id(posted.value());
    status.set_thread_root(posted.value());
    status.set_created_ms(posted.time_ms());
    if (post.in_reply_to) {
      AttachToParent(action, status, ReadParent(committer_, post.author, post.in_reply_to));
    }
    action.batch.ExpectAbsent(StatusKey(posted));
    action.batch.NoteAbsent(CountersKey(posted));  // read with every status
    action.batch.Put(StatusKey(posted), status.SerializeAsString());
    AddToOutbox(action, status, *counters);
    idempotency.Book(action, status);
    NotifyMentioned(action, status);
    bool starts_thread =
        !status.in_reply_to_id() || status.in_reply_to_account() == status.author();
    if (somebody_notified && starts_thread && draft.visibility() != int(Visibility::kDirect)) {
      notifications::NotifyFollowers(action, post.author, posted);
    }
  });
  return posted;
}

void StatusesService::Delete(AccountId author, StatusId id) {
  committer_.Run([&](events::Action& action) {
    auto value = committer_.store().Get(StatusKey(id));
    auto status = Parse<StatusRecord>(value);
    if (!status || AccountId(status->author()) != author || status->reblog_of()) {
      throw Error::NotFound();
    }
    action.batch.ExpectUnchanged(StatusKey(id), value);
    action.batch.Erase(StatusKey(id));
    for (auto counter :
         {StatusCounter::kReplies, StatusCounter::kReblogs, StatusCounter::kFavourites}) {
      action.batch.Erase(CounterKey(id, counter));
    }
    if (StatusId parent(status->in_reply_to_id()); parent) {
      action.batch.Erase(ReplyKey(parent, id));
      if (CountsForParent(*status) && committer_.store().Get(StatusKey(parent))) {
        action.batch.ExpectPresent(StatusKey(parent));  // a counter must not outlive it
        action.batch.Add(CounterKey(parent, StatusCounter::kReplies), -1);
      }
    }
    RemoveFromOutbox(action, *status);
    StatusDeleted deleted;
    deleted.set_id(status->id());
    deleted.set_author(status->author());
    action.Enqueue(kCleanDeletedStatusJob, id.partition(), deleted.SerializeAsString());
  });
}

std::vector<OutboxRow> StatusesService::Outbox(AccountId author, const store::IdBounds& bounds,
                                               size_t limit, bool upwards) {
  std::vector<OutboxRow> rows;
  for (store::Row& row :
       committer_.store().Scan(store::PageScan(OutboxRange(author), bounds, limit, upwards))) {
    if (!rows.emplace_back().ParseFromString(row.value)) rows.pop_back();
  }
  return rows;
}

std::vector<StatusId> StatusesService::PublicIds(const store::IdBounds& bounds, size_t limit,
                                                 bool upwards) {
  std::vector<store::ScanRequest> scans;
  for (unsigned shard = 0; shard < kPublicShards; ++shard) {
    scans.push_back(store::PageScan(PublicRange(shard), bounds, limit, upwards));
  }
  std::vector<StatusId> ids;
  for (const auto& rows : committer_.store().MultiScan(scans)) {
    for (const store::Row& row : rows) ids.emplace_back(store::IdOfIndexKey(row.key));
  }
  if (upwards)
    std::ranges::sort(ids);
  else
    std::ranges::sort(ids, std::greater());
  if (ids.size() > limit) ids.resize(limit);
  return ids;
}

std::vector<StatusId> StatusesService::Ancestors(StatusId id, size_t limit) {
  std::vector<StatusId> ancestors;
  auto status = records().Get<StatusRecord>(StatusKey(id));
  while (status && status->in_reply_to_id() && ancestors.size() < limit) {
    ancestors.emplace_back(status->in_reply_to_id());
    status = records().Get<StatusRecord>(StatusKey(ancestors.back()));
  }
  std::ranges::reverse(ancestors);
  return ancestors;
}

std::vector<StatusId> StatusesService::Descendants(StatusId id, size_t limit, size_t depth) {
  // Level by level, one round trip each; then put into the order of the tree.
  std::unordered_map<StatusId, std::vector<StatusId>> children;
  std::vector<StatusId> level = {id};
  size_t found = 0;
  for (size_t depth_now = 0; depth_now < depth && !level.empty() && found < limit; ++depth_now) {
    std::vector<StatusId> next;
    // Some parents at a time: each may have as many replies as are still wanted, and what is read
    // beyond that is thrown away.
    constexpr size_t kParents = 64;
    for (size_t first = 0; first < level.size() && found < limit; first += kParents) {
      auto parents = std::span(level).subspan(first, std::min(kParents, level.size() - first));
      std::vector<store::ScanRequest> scans;
      for (StatusId parent : parents) {
        scans.push_back({.range = ReplyRange(parent), .limit = limit - found});
      }
      auto answers = committer_.store().MultiScan(scans);
      for (size_t i = 0; i < answers.size(); ++i) {
        for (const store::Row& row : answers[i]) {
          if (found == limit) break;
          store::KeyReader key(row.key);
          key.Uint();  // the parent
          children[parents[i]].push_back(key.Id<StatusId>());
          next.push_back(children[parents[i]].back());
          ++found;
        }
      }
    }
    level = std::move(next);
  }
  std::vector<StatusId> ordered, stack = {id};
  while (!stack.empty()) {
    StatusId top = stack.back();
    stack.pop_back();
    if (top != id) ordered.push_back(top);
    auto it = children.find(top);
    if (it == children.end()) continue;
    stack.insert(stack.end(), it->second.rbegin(), it->second.rend());
  }
  return ordered;
}

void StatusesService::SweepIdempotencyKeys() {
  int64_t hour = committer_.clock().NowMs() / kHourMs - 1;
  constexpr unsigned kPartitionsPerBatch = 256;
  for (unsigned first = 0; first < kPartitionCount; first += kPartitionsPerBatch) {
    store::Batch batch;
    for (unsigned p = first; p < first + kPartitionsPerBatch; ++p) {
      batch.EraseRange(IdempotencyRangeBefore(static_cast<Partition>(p), hour));
    }
    batch.Relax();
    committer_.store().Commit(batch);
  }
}

}  // namespace stampede::statuses
