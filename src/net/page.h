#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/reply.h"
#include "net/request.h"

namespace stampede::net {

// Which part of a newest-first list a request asks for (docs.joinmastodon.org/api/guidelines,
// pagination). All cursors are exclusive; 0 and UINT64_MAX mean "no bound". Output is always newest
// first, also for min_id.
struct Page {
  uint64_t max_id = UINT64_MAX;  // ids below
  uint64_t since_id = 0;         // ids above, newest page
  uint64_t min_id = 0;           // ids above, the page next to the cursor; wins over since_id
  size_t limit = 0;

  uint64_t lower() const { return min_id ? min_id : since_id; }
  // True when the page is the one right above the cursor, so that the source is read upwards.
  bool upwards() const { return min_id != 0; }
};

// Whether the list's `prev` link pages by min_id or by since_id (behaviour rules, section 4).
enum class PrevBy : uint8_t { kMinId, kSinceId };

// Reads max_id, since_id, min_id (not when prev is by since_id) and limit. A limit is absolute-valued
// and clamped to `limit_max`; a cursor that is no number is ignored.
Page ParsePage(const Request& request, size_t limit_default, size_t limit_max,
               PrevBy prev_by = PrevBy::kMinId);

// Adds the Link header with absolute URLs. `newest` and `oldest` are the cursors of the page's ends
// (none when the page is empty: no header). `more` says whether a next link is due. The request's
// parameters named in `keep` are carried along, and limit when it was given.
struct PageLinks {
  uint64_t newest = 0;
  uint64_t oldest = 0;
  bool more = true;
  PrevBy prev_by = PrevBy::kMinId;
  std::vector<std::string_view> keep;
};
void AddLinks(Reply& reply, const Request& request, const Page& page, std::string_view base_url,
              const PageLinks& links);

}  // namespace stampede::net
