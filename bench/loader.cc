#include "bench/loader.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "base/check.h"
#include "base/limits.h"
#include "codec/crypto.h"
#include "codec/text.h"
#include "features/accounts/keys.h"
#include "features/accounts/records.pb.h"
#include "features/instance/keys.h"
#include "features/oauth/keys.h"
#include "features/oauth/records.pb.h"
#include "features/relationships/edit.h"
#include "features/statuses/keys.h"
#include "features/statuses/service.h"

namespace stampede::bench {
namespace {

using Write = store::Batch::Write;

// Large enough that a batch's own cost vanishes, small enough to stay in the processor's cache.
constexpr size_t kBatchBytes = 1024 * 1024;
static_assert(kBatchBytes < limits::kBatchBytesMax);

template <class Ref, class Id>
std::string EncodeRef(Id id) {
  Ref ref;
  ref.set_id(id.value());
  return ref.SerializeAsString();
}

void SetTags(statuses::StatusRecord& status, std::string_view text) {
  std::unordered_set<std::string> seen;
  for (const codec::Entity& entity : codec::FindEntities(text)) {
    STAMPEDE_CHECK(entity.kind != codec::Entity::kMention);
    if (entity.kind != codec::Entity::kHashtag) continue;
    std::string tag = codec::NormalizeTag(entity.text);
    if (!tag.empty() && seen.insert(tag).second) status.add_tags(tag);
  }
}

// Commits what it is given in large batches.
class StoreSink final : public RowSink {
 public:
  explicit StoreSink(store::Store& store) : store_(store) {}

  // The expectations of an action are left behind: the caller vouches for them.
  void Take(const store::Batch& batch) override {
    if (bytes_ + batch.bytes() > kBatchBytes) Flush(false);
    bytes_ += batch.bytes();
    for (const Write& write : batch.writes()) writes_.push_back(write);
  }
  // The log is written in order, so the last durable batch makes those before it durable too.
  void Finish() override {
    if (!writes_.empty()) Flush(true);
  }

 private:
  void Flush(bool durable);

  store::Store& store_;
  std::vector<Write> writes_;
  size_t bytes_ = 0;
};

// Merges what several actions wrote to one key: counters add up, of puts the last one stays.
void StoreSink::Flush(bool durable) {
  std::vector<Write*> sorted;
  sorted.reserve(writes_.size());
  for (Write& write : writes_) sorted.push_back(&write);
  std::ranges::sort(sorted, [](const Write* a, const Write* b) {
    return std::tie(a->key, a) < std::tie(b->key, b);  // of one key, in the order written
  });
  store::Batch batch;
  for (size_t i = 0; i < sorted.size();) {
    int64_t delta = 0;
    size_t next = i;
    for (; next < sorted.size() && sorted[next]->key == sorted[i]->key; ++next) {
      delta += sorted[next]->delta;
    }
    Write& last = *sorted[next - 1];
    if (last.kind == store::Batch::Kind::kAdd) {
      batch.Add(std::move(last.key), delta);
    } else {
      STAMPEDE_CHECK(last.kind == store::Batch::Kind::kPut);
      batch.Put(std::move(last.key), std::move(last.value));
    }
    i = next;
  }
  if (!durable) batch.Relax();
  STAMPEDE_CHECK(store_.Commit(batch));
  writes_.clear();
  bytes_ = 0;
}

}  // namespace

Loader::Loader(store::Store& store, const Site& site)
    : own_sink_(std::make_unique<StoreSink>(store)), sink_(*own_sink_), site_(site) {}
Loader::Loader(RowSink& sink, const Site& site) : sink_(sink), site_(site) {}
Loader::~Loader() = default;

void Loader::AddApp(const LoadedApp& app) {
  oauth::AppRecord record;
  record.set_id(app.id.value());
  record.set_name(app.name);
  record.add_redirect_uris(app.redirect_uri);
  record.set_scopes(app.scopes);
  record.set_client_id(app.client_id);
  record.set_client_secret_hash(app.client_secret_hash);
  record.set_created_ms(app.id.time_ms());
  events::Action action;
  action.batch.Put(oauth::AppKey(app.id), record.SerializeAsString());
  action.batch.Put(oauth::ClientKey(app.client_id), EncodeRef<oauth::AppRef>(app.id));
  sink_.Take(action.batch);
}

void Loader::AddMember(const LoadedMember& member) {
  AccountId id = member.account;
  accounts::AccountRecord account;
  account.set_id(id.value());
  account.set_username(member.username);
  account.set_created_ms(id.time_ms());
  accounts::UserRecord user;
  user.set_account_id(id.value());
  user.set_email(member.email);
  user.set_password_hash(member.password_hash);
  user.set_confirmed_ms(id.time_ms());
  user.set_approved_ms(id.time_ms());
  user.set_locale(site_.languages.front());
  user.set_created_ms(id.time_ms());
  events::Action action;
  action.batch.Put(accounts::NameKey(member.username), EncodeRef<accounts::AccountRef>(id));
  action.batch.Put(accounts::EmailKey(member.email), EncodeRef<accounts::AccountRef>(id));
  action.batch.Put(accounts::AccountKey(id), account.SerializeAsString());
  action.batch.Put(accounts::UserKey(id), user.SerializeAsString());
  instance::CountUser(action.batch, id, id.time_ms(), 1);
  sink_.Take(action.batch);
}

void Loader::AddToken(TokenId id, std::string_view token, const LoadedApp& app, AccountId account) {
  const std::string hash = codec::Sha256(token);
  oauth::TokenRecord record;
  record.set_id(id.value());
  record.set_app(app.id.value());
  record.set_account(account.value());
  record.set_scopes(app.scopes);
  record.set_created_ms(id.time_ms());
  record.set_last_used_ms(id.time_ms());
  oauth::TokenRef ref;
  ref.set_token_hash(hash);
  events::Action action;
  action.batch.Put(oauth::TokenKey(hash), record.SerializeAsString());
  action.batch.Put(oauth::UserTokenKey(account, id), ref.SerializeAsString());
  sink_.Take(action.batch);
}

void Loader::AddFollow(AccountId source, AccountId target, RelationId id) {
  relationships::FollowTerms terms;
  terms.set_id(id.value());
  terms.set_reblogs(true);
  terms.set_created_ms(id.time_ms());
  events::Action action;
  relationships::Edit edit(source, target, std::nullopt);
  edit.StartFollow(action, std::move(terms), relationships::Edit::Tell::kNo);
  Save(action, edit);
  sink_.Take(action.batch);
}

void Loader::AddPost(AccountId author, StatusId id, std::string_view text, const LoadedApp& app) {
  statuses::StatusRecord status;
  status.set_id(id.value());
  status.set_author(author.value());
  status.set_text(text.data(), text.size());
  codec::FormatContext context;
  context.base_url = site_.base_url;
  context.resolve_mention = [](std::string_view) { return nullptr; };
  status.set_content(codec::FormatStatus(text, context));
  status.set_language(site_.languages.front());
  SetTags(status, text);
  status.set_app(app.id.value());
  status.set_app_name(app.name);
  status.set_created_ms(id.time_ms());
  status.set_thread_root(id.value());
  events::Action action;
  action.batch.Put(statuses::StatusKey(id), status.SerializeAsString());
  statuses::AddToOutbox(action, status, {});
  sink_.Take(action.batch);
}

void Loader::Finish() { sink_.Finish(); }

}  // namespace stampede::bench
