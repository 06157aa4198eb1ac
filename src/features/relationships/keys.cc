#include "features/relationships/keys.h"

namespace stampede::relationships {
namespace {

const store::Table kRelation(0x20, "relation", store::Access::kRecord);
const store::Table kFollowing(0x21, "following", store::Access::kIndex);
const store::Table kFollower(0x22, "follower", store::Access::kIndex);
const store::Table kBlock(0x23, "block", store::Access::kIndex);
const store::Table kMute(0x24, "mute", store::Access::kIndex);
const store::Table kRequest(0x25, "request", store::Access::kIndex);
const store::Table kNotifiedFollower(0x26, "notified_follower", store::Access::kIndex);

const store::Table& TableOf(List list) {
  switch (list) {
    case List::kFollowing:
      return kFollowing;
    case List::kFollowers:
      return kFollower;
    case List::kBlocks:
      return kBlock;
    case List::kMutes:
      return kMute;
    case List::kRequests:
      break;
  }
  return kRequest;
}

}  // namespace

std::string RelationKey(AccountId source, AccountId target) {
  return store::Key(source.partition(), kRelation).Id(source).Id(target);
}

std::string RowKey(List list, AccountId owner, RelationId id) {
  return store::Key(owner.partition(), TableOf(list)).Id(owner).Desc(id);
}

store::KeyRange RowRange(List list, AccountId owner) {
  return store::KeyRange::Prefix(store::Key(owner.partition(), TableOf(list)).Id(owner).str());
}

std::string NotifiedFollowerKey(AccountId target, AccountId source) {
  return store::Key(target.partition(), kNotifiedFollower).Id(target).Id(source);
}

store::KeyRange NotifiedFollowerRange(AccountId target, AccountId after) {
  std::string prefix = store::Key(target.partition(), kNotifiedFollower).Id(target);
  return {NotifiedFollowerKey(target, AccountId(after.value() + 1)), store::PrefixEnd(prefix)};
}

AccountId NotifiedFollowerOf(std::string_view key) {
  store::KeyReader reader(key);
  reader.Id<AccountId>();
  return reader.Id<AccountId>();
}

}  // namespace stampede::relationships
