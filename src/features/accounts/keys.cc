#include "features/accounts/keys.h"

#include "codec/utf8.h"

namespace stampede::accounts {
namespace {

const store::Table kAccount(0x10, "account", store::Access::kRecord);
const store::Table kUser(0x11, "user", store::Access::kRecord);
const store::Table kName(0x12, "account_name", store::Access::kRecord);
const store::Table kEmail(0x13, "user_email", store::Access::kRecord);
const store::Table kCounter(0x14, "account_counter", store::Access::kRecord, 7);
const store::Table kActiveDay(0x16, "account_active_day", store::Access::kRecord);

}  // namespace

std::string AccountKey(AccountId account) {
  return store::Key(account.partition(), kAccount).Id(account);
}

std::string UserKey(AccountId account) {
  return store::Key(account.partition(), kUser).Id(account);
}

std::string NameKey(std::string_view handle) {
  std::string name = codec::Lowercase(handle);
  return store::Key(PartitionOf(name), kName).Text(name);
}

std::string EmailKey(std::string_view email) {
  std::string address = codec::Lowercase(email);
  return store::Key(PartitionOf(address), kEmail).Text(address);
}

std::string CounterKey(AccountId account, AccountCounter counter) {
  return store::Key(account.partition(), kCounter).Id(account).Byte(static_cast<uint8_t>(counter));
}

std::string CountersKey(AccountId account) {
  return store::Key(account.partition(), kCounter).Id(account);
}

std::string ActiveDayKey(AccountId account) {
  return store::Key(account.partition(), kActiveDay).Id(account);
}

}  // namespace stampede::accounts
