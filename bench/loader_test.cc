#include "bench/loader.h"

#include <gtest/gtest.h>

#include <map>

#include "features/accounts/records.pb.h"
#include "features/oauth/service.h"
#include "features/relationships/service.h"
#include "features/statuses/service.h"
#include "features/testing/cast.h"
#include "net/scopes.h"

namespace stampede::bench {
namespace {

// Everything but the queues: what still has to be announced or worked on.
std::map<std::string, std::string> Dump(store::Store& store) {
  std::map<std::string, std::string> rows;
  for (const store::Table* table : store::AllTables()) {
    if (table->access() == store::Access::kQueue) continue;
    for (unsigned partition = 0; partition < kPartitionCount; ++partition) {
      std::string prefix = store::Key(static_cast<Partition>(partition), *table);
      for (store::Row& row :
           store.Scan({.range = store::KeyRange::Prefix(prefix), .limit = limits::kScanRowsMax})) {
        rows.emplace(std::move(row.key), std::move(row.value));
      }
    }
  }
  return rows;
}

// A small world made by the services, and the same one by the loader with the ids that the services
// drew. Time moves before every action, as ids carry it.
class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() : loader_(loaded_, cast_.site) {
    for (AccountId id : {cast_.alice, cast_.bob, cast_.charlie}) LoadMember(id);
    cast_.clock.AdvanceMs(1000);
    oauth::CreatedApp created = oauth_.CreateApp(
        {.name = "Bench", .redirect_uris = {"https://a.example/"}, .scopes = "read write"});
    app_record_ = created.app;
    app_ = {.id = AppId(created.app.id()),
            .name = created.app.name(),
            .client_id = created.app.client_id(),
            .client_secret_hash = created.app.client_secret_hash(),
            .redirect_uri = created.app.redirect_uris(0),
            .scopes = created.app.scopes()};
    loader_.AddApp(app_);
  }

  void LoadMember(AccountId id) {
    auto account = cast_.accounts.Get(id);
    auto user = cast_.accounts.GetUser(id);
    loader_.AddMember({id, account->username(), user->email(), user->password_hash()});
  }

  void Token(AccountId account) {
    cast_.clock.AdvanceMs(1000);
    oauth::IssuedToken issued =
        oauth_.IssueToken(app_record_, account, net::ScopeSet::FromBits(app_.scopes));
    auto record = oauth_.FindToken(issued.token);
    loader_.AddToken(TokenId(record->id()), issued.token, app_, account);
  }

  void Follow(AccountId source, AccountId target) {
    cast_.clock.AdvanceMs(1000);
    relationships_.Follow(source, target, {});
    auto ties = relationships_.GetTies(source, target);
    loader_.AddFollow(source, target, RelationId(ties.mine->follow().id()));
  }

  void Post(AccountId author, const std::string& text) {
    cast_.clock.AdvanceMs(1000);
    StatusId id =
        statuses_.Post({.author = author, .text = text, .app = app_.id, .app_name = app_.name});
    loader_.AddPost(author, id, text, app_);
  }

  testing::Cast cast_;
  oauth::OAuthService oauth_{cast_.committer, cast_.random};
  relationships::RelationshipsService relationships_{cast_.committer};
  statuses::StatusesService statuses_{cast_.committer, cast_.site};
  oauth::AppRecord app_record_;
  LoadedApp app_;
  store::MemoryStore loaded_;
  Loader loader_;
};

TEST_F(LoaderTest, WritesWhatTheServicesWriteForTheSameActions) {
  const AccountId all[] = {cast_.alice, cast_.bob, cast_.charlie};
  for (AccountId account : all) Token(account);
  for (AccountId source : all) {
    for (AccountId target : all) {
      if (source != target && !(source == cast_.bob && target == cast_.alice)) {
        Follow(source, target);
      }
    }
  }
  for (int round = 0; round < 3; ++round) {
    Post(cast_.alice, "Words, a #Tag, the same #tag and a link: https://example.com/?a=1&b=<2>");
    Post(cast_.bob, "Two paragraphs.\n\nThe second,\nwith a line break. #" + std::to_string(round) +
                        "x #Café");
  }
  loader_.Finish();

  auto by_services = Dump(cast_.store);
  auto by_loader = Dump(loaded_);
  EXPECT_GT(by_services.size(), 60u);
  for (const auto& [key, value] : by_services) {
    auto found = by_loader.find(key);
    const auto table = store::TableOf(key)->name();
    ASSERT_NE(found, by_loader.end()) << "the loader did not write a row of " << table;
    EXPECT_EQ(found->second, value) << "another value in a row of " << table;
  }
  for (const auto& [key, value] : by_loader) {
    EXPECT_TRUE(by_services.contains(key))
        << "the loader alone wrote a row of " << store::TableOf(key)->name();
  }
}

TEST_F(LoaderTest, ManyBatchesAddUpToTheSameCounters) {
  const std::string text(400, 'x');
  for (int i = 0; i < 4'000; ++i) Post(cast_.alice, text);  // some megabytes
  loader_.Finish();
  EXPECT_TRUE(Dump(cast_.store) == Dump(loaded_));
}

}  // namespace
}  // namespace stampede::bench
