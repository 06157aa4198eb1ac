#include "features/statuses/keys.h"

namespace stampede::statuses {

namespace {

using store::Access;
using store::Key;
using store::Table;

const Table kStatus{0x30, "status", Access::kRecord};
const Table kStatusCounter{0x31, "status_counter", Access::kRecord, 3};
const Table kOutbox{0x32, "outbox_status", Access::kIndex};
const Table kReply{0x33, "reply", Access::kIndex};
const Table kPublic{0x34, "public_status", Access::kIndex};
const Table kIdempotency{0x35, "idempotency", Access::kQueue};
const Table kMyStatus{0x36, "my_status", Access::kRecord};
const Table kNewestMark{0x37, "newest_mark", Access::kRecord};

Partition PublicPartition(unsigned shard) {
  return static_cast<Partition>(shard * (kPartitionCount / kPublicShards));
}

}  // namespace

std::string StatusKey(StatusId status) { return Key(status.partition(), kStatus).Id(status); }

std::string CounterKey(StatusId status, StatusCounter counter) {
  return Key(status.partition(), kStatusCounter).Id(status).Byte(static_cast<uint8_t>(counter));
}

std::string CountersKey(StatusId status) {
  return Key(status.partition(), kStatusCounter).Id(status);
}

std::string OutboxKey(AccountId author, StatusId status) {
  return Key(author.partition(), kOutbox).Id(author).Desc(status);
}

store::KeyRange OutboxRange(AccountId author) {
  return store::KeyRange::Prefix(Key(author.partition(), kOutbox).Id(author).str());
}

std::string ReplyKey(StatusId parent, StatusId child) {
  return Key(parent.partition(), kReply).Id(parent).Id(child);
}

store::KeyRange ReplyRange(StatusId parent) {
  return store::KeyRange::Prefix(Key(parent.partition(), kReply).Id(parent).str());
}

std::string PublicKey(StatusId status) {
  auto shard = static_cast<unsigned>(std::hash<StatusId>()(status) % kPublicShards);
  return Key(PublicPartition(shard), kPublic).Desc(status);
}

store::KeyRange PublicRange(unsigned shard) {
  return store::KeyRange::Prefix(Key(PublicPartition(shard), kPublic).str());
}

std::string IdempotencyKey(AccountId author, int64_t hour, std::string_view hash) {
  return Key(author.partition(), kIdempotency)
      .Uint(static_cast<uint64_t>(hour))
      .Id(author)
      .Text(hash);
}

store::KeyRange IdempotencyRangeBefore(Partition partition, int64_t hour) {
  return {Key(partition, kIdempotency),
          Key(partition, kIdempotency).Uint(static_cast<uint64_t>(hour))};
}

std::string MyStatusKey(AccountId account, StatusId status) {
  return Key(account.partition(), kMyStatus).Id(account).Id(status);
}

store::KeyRange MyStatusRange(AccountId account, StatusId first, StatusId last) {
  return {MyStatusKey(account, first), store::PrefixEnd(MyStatusKey(account, last))};
}

StatusId StatusOfMyStatusKey(std::string_view key) {
  store::KeyReader reader(key);
  reader.Id<AccountId>();
  return reader.Id<StatusId>();
}

std::string NewestMarkKey(AccountId account) {
  return Key(account.partition(), kNewestMark).Id(account);
}

}  // namespace stampede::statuses
