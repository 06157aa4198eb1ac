#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "events/bus.h"
#include "events/committer.h"
#include "features/accounts/service.h"
#include "features/instance/site.h"
#include "store/memory/memory_store.h"
#include "store/records.h"

namespace stampede::testing {

// The fixed cast of tests: alice, bob and charlie on a whole server in RAM, whose time stands still
// until moved and whose randomness repeats. Passwords are "<name>-password", e-mail addresses
// "<name>@example.org". Header-only, so that it is part of test programs alone. Everything is
// public because tests look everywhere.
class Cast {
 public:
  Cast()
      : records(store, 16 * 1024 * 1024),
        bus(events::MakeInProcessBus()),
        ids(clock, random),
        committer(store, records, *bus, ids, clock),
        site(MakeSite()),
        accounts(committer, random, site, codec::kCheapPasswordCost),
        alice(Add("alice")),
        bob(Add("bob")),
        charlie(Add("charlie")) {}
  ~Cast() { bus->Stop(); }

  // One more local account, confirmed and approved.
  AccountId Add(const std::string& username) {
    accounts::NewUser user;
    user.username = username;
    user.email = username + "@example.org";
    user.password = username + "-password";
    user.agreement = user.confirmed = user.approved = user.by_operator = true;
    return accounts.SignUp(user);
  }

  static Site MakeSite() {
    Site site;
    site.base_url = "https://social.example";
    site.domain = "social.example";
    site.version = "4.3.0+stampede-test";
    site.registrations = Registrations::kOpen;
    return site;
  }

  ManualClock clock;
  SeededRandom random{1};
  store::MemoryStore store;
  store::Records records;
  std::unique_ptr<events::Bus> bus;
  IdGenerator ids;
  events::Committer committer;
  Site site;
  accounts::AccountsService accounts;
  AccountId alice, bob, charlie;
};

}  // namespace stampede::testing
