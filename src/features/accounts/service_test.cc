#include "features/accounts/service.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "features/accounts/keys.h"
#include "features/accounts/view.h"
#include "features/instance/service.h"
#include "features/testing/cast.h"

namespace stampede::accounts {
namespace {

NewUser Dana() {
  NewUser user;
  user.username = "dana";
  user.email = "dana@example.org";
  user.password = "dana-password";
  user.agreement = user.confirmed = user.approved = true;
  return user;
}

class AccountsServiceTest : public ::testing::Test, public stampede::testing::Cast {
 protected:
  // "username ERR_BLANK, email ERR_TAKEN"
  std::string ProblemsOf(const NewUser& user) {
    try {
      accounts.SignUp(user);
      return "none";
    } catch (const Error& error) {
      std::string text;
      for (const auto& problem : error.fields()) {
        text += (text.empty() ? "" : ", ") + problem.field + " " + problem.code;
      }
      return text.empty() ? error.public_text() : text;
    }
  }
};

TEST_F(AccountsServiceTest, SignsUpAndFindsByNameAndEmailInAnyCase) {
  NewUser user = Dana();
  user.username = "Dana";
  AccountId id = accounts.SignUp(user);
  EXPECT_EQ(accounts.FindByName("dana"), id);
  EXPECT_EQ(accounts.FindByName("@DANA"), id);
  EXPECT_EQ(accounts.FindByName("dAna@Social.Example"), id);
  EXPECT_EQ(accounts.FindByEmail("DANA@example.org"), id);
  EXPECT_EQ(accounts.FindByName("dana@elsewhere.example"), std::nullopt);
  EXPECT_EQ(accounts.Get(id)->username(), "Dana");
  EXPECT_EQ(accounts.StandingOf(id), Standing::kActive);
}

TEST_F(AccountsServiceTest, EveryBrokenRuleOfTheFormIsNamedAtOnce) {
  EXPECT_EQ(ProblemsOf(NewUser{}),
            "username ERR_BLANK, email ERR_BLANK, password ERR_BLANK, agreement ERR_ACCEPTED");
  NewUser user = Dana();
  user.username = "no spaces";
  user.email = "not an address";
  user.password = "short";
  user.locale = "xx";
  user.reason = std::string(421, 'r');
  EXPECT_EQ(
      ProblemsOf(user),
      "username ERR_INVALID, email ERR_INVALID, password ERR_TOO_SHORT, locale ERR_INCLUSION, "
      "reason ERR_TOO_LONG");
  user = Dana();
  user.username = std::string(31, 'a');
  user.password = std::string(73, 'p');
  EXPECT_EQ(ProblemsOf(user), "username ERR_TOO_LONG, password ERR_TOO_LONG");
}

TEST_F(AccountsServiceTest, TakenAndReservedNamesAreRefusedInAnyCase) {
  NewUser user = Dana();
  user.username = "ALICE";
  user.email = "Alice@Example.org";
  EXPECT_EQ(ProblemsOf(user), "username ERR_TAKEN, email ERR_TAKEN");
  user = Dana();
  user.username = "Admin";
  EXPECT_EQ(ProblemsOf(user), "username ERR_RESERVED");
}

TEST_F(AccountsServiceTest, ClosedRegistrationsRefuseAllButTheOperator) {
  site.registrations = Registrations::kClosed;
  EXPECT_EQ(ProblemsOf(Dana()), "This action is not allowed");
  NewUser user = Dana();
  user.by_operator = true;
  EXPECT_EQ(ProblemsOf(user), "none");
}

TEST_F(AccountsServiceTest, OfConcurrentSignUpsWithOneNameExactlyOneWins) {
  constexpr int kThreads = 8;
  std::atomic<int> won = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      NewUser user = Dana();
      user.username = i % 2 ? "dana" : "Dana";
      user.email = "dana" + std::to_string(i) + "@example.org";
      try {
        accounts.SignUp(user);
        ++won;
      } catch (const Error& error) {
        taken += error.fields().at(0).code == "ERR_TAKEN";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(taken, kThreads - 1);
}

TEST_F(AccountsServiceTest, PasswordsAreCheckedByNameOrEmail) {
  EXPECT_EQ(accounts.VerifyPassword("alice", "alice-password"), alice);
  EXPECT_EQ(accounts.VerifyPassword(" Alice@example.org ", "alice-password"), alice);
  EXPECT_EQ(accounts.VerifyPassword("@alice", "alice-password"), alice);
  EXPECT_EQ(accounts.VerifyPassword("alice", "bob-password"), std::nullopt);
  EXPECT_EQ(accounts.VerifyPassword("nobody", "alice-password"), std::nullopt);
  EXPECT_EQ(accounts.VerifyPassword("", ""), std::nullopt);
}

TEST_F(AccountsServiceTest, AnAccountIsUsedOnceItIsConfirmedAndApproved) {
  NewUser user = Dana();
  user.confirmed = user.approved = false;
  AccountId dana = accounts.SignUp(user);
  EXPECT_EQ(accounts.StandingOf(dana), Standing::kUnconfirmed);
  accounts.ConfirmUser(dana);
  EXPECT_EQ(accounts.StandingOf(dana), Standing::kPending);
  instance::InstanceService before(committer, random);
  EXPECT_EQ(before.GetStats().users, 3);
  accounts.ApproveUser(dana);
  accounts.ApproveUser(dana);
  EXPECT_EQ(accounts.StandingOf(dana), Standing::kActive);
  instance::InstanceService after(committer, random);
  EXPECT_EQ(after.GetStats().users, 4);
  EXPECT_THROW(accounts.ApproveUser(AccountId(1)), Error);
}

TEST_F(AccountsServiceTest, AProfileShowsItsTextAsHtmlWithLocalMentions) {
  ProfilePatch patch;
  patch.display_name = "  Alice <3 ";
  patch.note = "friend of @bob & @nobody\nhttps://example.org/";
  patch.fields = ProfilePatch::Fields{{"Site", "https://example.org/"}, {"", ""}};
  patch.privacy = "unlisted";
  patch.language = "de-DE";
  accounts.UpdateProfile(alice, patch);
  auto account = accounts.Get(alice);
  EXPECT_EQ(account->display_name(), "Alice <3");
  EXPECT_NE(account->note_html().find("https://social.example/@bob"), std::string::npos);
  EXPECT_NE(account->note_html().find("@nobody"), std::string::npos);
  EXPECT_EQ(account->note_html().find("@nobody\""), std::string::npos);
  ASSERT_EQ(account->fields_size(), 1);
  EXPECT_NE(account->fields(0).value_html().find("rel=\"nofollow noopener me\""),
            std::string::npos);
  EXPECT_EQ(accounts.GetUser(alice)->default_visibility(), 2);
  EXPECT_EQ(accounts.GetUser(alice)->default_language(), "de");
}

TEST_F(AccountsServiceTest, AProfileThatIsTooLongChangesNothing) {
  ProfilePatch patch;
  patch.display_name = std::string(41, 'x');
  patch.note = std::string(501, 'x');
  patch.fields = ProfilePatch::Fields(5, {"a", "b"});
  patch.privacy = "secret";
  patch.bot = true;
  try {
    accounts.UpdateProfile(alice, patch);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fields().size(), 4u);
    EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  }
  EXPECT_FALSE(accounts.Get(alice)->bot());
}

TEST_F(AccountsServiceTest, OpeningALockedAccountIsReported) {
  ProfilePatch patch;
  patch.locked = false;
  EXPECT_FALSE(accounts.UpdateProfile(alice, patch).unlocked);
  patch.locked = true;
  EXPECT_FALSE(accounts.UpdateProfile(alice, patch).unlocked);
  patch.locked = false;
  EXPECT_TRUE(accounts.UpdateProfile(alice, patch).unlocked);
}

TEST_F(AccountsServiceTest, AReplacedPictureIsReportedForDeletion) {
  ProfilePatch patch;
  patch.avatar = "one.png";
  EXPECT_EQ(accounts.UpdateProfile(alice, patch).old_avatar, "");
  EXPECT_EQ(accounts.UpdateProfile(alice, patch).old_avatar, "");
  patch.avatar = "";
  EXPECT_EQ(accounts.UpdateProfile(alice, patch).old_avatar, "one.png");
}

TEST_F(AccountsServiceTest, ActivityIsCountedOnceADayAndOnceAMonth) {
  auto active_month = [&] {
    return instance::InstanceService(committer, random).GetStats().active_month;
  };
  accounts.NoteActivity(alice);
  accounts.NoteActivity(alice);
  accounts.NoteActivity(bob);
  EXPECT_EQ(active_month(), 2);
  clock.AdvanceMs(20LL * 24 * 3600 * 1000);
  accounts.NoteActivity(alice);
  EXPECT_EQ(active_month(), 2);
  clock.AdvanceMs(10LL * 24 * 3600 * 1000);
  EXPECT_EQ(active_month(), 1);
  EXPECT_EQ(instance::InstanceService(committer, random).GetStats().active_half_year, 2);
}

TEST_F(AccountsServiceTest, ASuspendedAccountShowsNeitherTextsNorPictures) {
  AccountRecord record = *accounts.Get(bob);
  record.set_suspended_ms(1);
  record.set_display_name("Bob");
  record.set_note_html("<p>hi</p>");
  record.set_avatar("0123456789abcdef0123456789abcdef.png");
  AccountData data{.account = std::make_shared<AccountRecord>(record), .statuses = -1};
  codec::JsonWriter json;
  RenderAccount(json, data, site);
  EXPECT_EQ(json.text().find("Bob"), std::string::npos);
  EXPECT_EQ(json.text().find("<p>hi"), std::string::npos);
  EXPECT_NE(json.text().find("\"suspended\":true"), std::string::npos);
  EXPECT_NE(json.text().find("/media/default/avatar/"), std::string::npos);
  EXPECT_NE(json.text().find("\"statuses_count\":0"), std::string::npos);
}

}  // namespace
}  // namespace stampede::accounts
