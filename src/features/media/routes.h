#pragma once

#include "features/media/blobs.h"
#include "net/route.h"

namespace stampede::media {

// GET /media/NAME for stored blobs, and the drawn pictures of whoever has none:
// /media/default/avatar/ID.png, /media/default/header/ID.png, /media/default/icon/SIDE.png. All
// may be cached for ever. `blobs` outlives the table.
void AddRoutes(net::RouteTable& table, BlobStore& blobs);

}  // namespace stampede::media
