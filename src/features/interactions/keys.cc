#include "features/interactions/keys.h"

namespace stampede::interactions {

namespace {

using store::Access;
using store::Key;
using store::KeyRange;
using store::Table;

const Table kFavouritedBy{0x38, "favourited_by", Access::kIndex};
const Table kRebloggedBy{0x39, "reblogged_by", Access::kIndex};
const Table kFavourite{0x3a, "favourite", Access::kIndex};

}  // namespace

std::string FavouritedByKey(StatusId status, RelationId favourite) {
  return Key(status.partition(), kFavouritedBy).Id(status).Desc(favourite);
}

KeyRange FavouritedByRange(StatusId status) {
  return KeyRange::Prefix(Key(status.partition(), kFavouritedBy).Id(status).str());
}

std::string RebloggedByKey(StatusId status, StatusId boost) {
  return Key(status.partition(), kRebloggedBy).Id(status).Desc(boost);
}

KeyRange RebloggedByRange(StatusId status) {
  return KeyRange::Prefix(Key(status.partition(), kRebloggedBy).Id(status).str());
}

std::string FavouriteKey(AccountId account, RelationId favourite) {
  return Key(account.partition(), kFavourite).Id(account).Desc(favourite);
}

KeyRange FavouriteRange(AccountId account) {
  return KeyRange::Prefix(Key(account.partition(), kFavourite).Id(account).str());
}

}  // namespace stampede::interactions
