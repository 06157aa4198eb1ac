#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/keyspace.h"
#include "store/store.h"

// Key table of the relationships room
// | table             | byte | partition    | key fields           | value          |
// | relation          | 0x20 | the source's | source, target       | RelationRecord |
// | following         | 0x21 | the source's | source, ~relation id | FollowRow      | whom the
// source follows, newest first | follower          | 0x22 | the target's | target, ~relation id |
// FollowRow      | who follows the target, newest first | block             | 0x23 | the source's |
// source, ~relation id | RelationRow    | | mute              | 0x24 | the source's | source,
// ~relation id | RelationRow    | | request           | 0x25 | the target's | target, ~relation id
// | FollowRow      | follow requests to the target | notified_follower | 0x26 | the target's |
// target, source       | empty          | followers who want to be told of every post
namespace stampede::relationships {

enum class List : uint8_t { kFollowing, kFollowers, kBlocks, kMutes, kRequests };

std::string RelationKey(AccountId source, AccountId target);
// `owner` is the account whose partition the row lives in (see the table).
std::string RowKey(List list, AccountId owner, RelationId id);
store::KeyRange RowRange(List list, AccountId owner);
std::string NotifiedFollowerKey(AccountId target, AccountId source);
// Those whose id is above `after` (none: all of them), by id.
store::KeyRange NotifiedFollowerRange(AccountId target, AccountId after);
AccountId NotifiedFollowerOf(std::string_view key);

}  // namespace stampede::relationships
