#pragma once

#include "base/ids.h"
#include "codec/json_writer.h"
#include "features/relationships/policy.h"

namespace stampede::relationships {

// Writes the Relationship entity (docs.joinmastodon.org/entities/Relationship) as one JSON object
// with every key of Mastodon's. `ties` are those of the viewer and `them`.
void RenderRelationship(codec::JsonWriter& json, AccountId them, const Ties& ties, int64_t now_ms);

}  // namespace stampede::relationships
