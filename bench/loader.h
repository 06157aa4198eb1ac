#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "events/committer.h"
#include "features/instance/site.h"
#include "store/store.h"

namespace stampede::bench {

struct LoadedMember {
  AccountId account;
  std::string username;
  std::string email;
  std::string password_hash;  // codec::HashPassword's; empty: cannot sign in with a password
};

struct LoadedApp {
  AppId id;
  std::string name;
  std::string client_id;
  std::string client_secret_hash;
  std::string redirect_uri;
  uint64_t scopes = 0;  // net::ScopeSet bits
};

// Where a loader's rows go.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // Takes the puts and additions of one action; of puts to one key the last one stays.
  virtual void Take(const store::Batch& batch) = 0;
  // Nothing is taken afterwards.
  virtual void Finish() = 0;
};

// Writes a world straight into a store: the records that the API's services write for the same
// actions, without their reads, events, jobs and flushes to disk. Not thread-safe; nothing else may
// use the store meanwhile. The caller draws the ids, each once, and times follow from them. Nothing
// is checked: names must be free and valid, followed pairs new and unlocked, texts within the
// limits and without mentions. About 10 µs a post and 5 µs a follow.
//
// Not written are notifications: it is as if everybody had dismissed theirs.
class Loader {
 public:
  // All outlive the loader. Of the site, posts need base_url and languages.
  Loader(store::Store& store, const Site& site);
  Loader(RowSink& sink, const Site& site);
  ~Loader();  // what was not finished may be lost

  void AddApp(const LoadedApp& app);
  void AddMember(const LoadedMember& member);  // confirmed and approved
  void AddToken(TokenId id, std::string_view token, const LoadedApp& app, AccountId account);
  void AddFollow(AccountId source, AccountId target, RelationId id);
  // A public post. `app` as in the API: what the token that posts belongs to.
  void AddPost(AccountId author, StatusId id, std::string_view text, const LoadedApp& app);

  // Writes what is left, durably. Nothing may be added afterwards.
  void Finish();

 private:
  std::unique_ptr<RowSink> own_sink_;
  RowSink& sink_;
  const Site& site_;
};

}  // namespace stampede::bench
