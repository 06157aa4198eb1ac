#pragma once

#include <string>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the interactions room
// | table         | byte | partition     | key fields             | value           |
// | favourited_by | 0x38 | the status'   | status, ~relation id   | FavouritedByRow | newest first
// | reblogged_by  | 0x39 | the status'   | status, ~status id of the boost | RebloggedByRow | newest first
// | favourite     | 0x3a | the account's | account, ~relation id  | FavouriteRow    | what an account likes, newest first
// Who did what with a status is MyStatusRecord of the statuses room.
namespace stampede::interactions {

std::string FavouritedByKey(StatusId status, RelationId favourite);
store::KeyRange FavouritedByRange(StatusId status);
std::string RebloggedByKey(StatusId status, StatusId boost);
store::KeyRange RebloggedByRange(StatusId status);
std::string FavouriteKey(AccountId account, RelationId favourite);
store::KeyRange FavouriteRange(AccountId account);

}  // namespace stampede::interactions
