#pragma once

#include "base/clock.h"
#include "features/instance/site.h"
#include "features/media/blobs.h"
#include "store/store.h"

namespace stampede::app {

// Fills an empty store with something alive for `serve --demo`: alice, bob and charlie (passwords
// are the names, e-mail addresses NAME@example.org), some forty others, and what they wrote,
// followed, boosted and favourited during the last days, notifications included. Everything goes
// through the ordinary services, only on a clock of its own, and comes out the same every time but
// for the moments of notifications.
//
// Returns false and changes nothing when the store was filled before or when one of the names is
// taken. To be called before anything caches what is in the store. Takes about a second. Durable
// when it returns; after a crash in the middle the store is not usable as a demo.
bool SeedDemo(store::Store& store, const Site& site, media::BlobStore& blobs, Clock& clock);

}  // namespace stampede::app
