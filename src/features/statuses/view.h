#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "codec/json_writer.h"
#include "features/accounts/view.h"
#include "features/instance/site.h"
#include "features/relationships/policy.h"
#include "features/statuses/policy.h"
#include "features/statuses/records.pb.h"
#include "net/page.h"
#include "net/request.h"
#include "store/derived_texts.h"
#include "store/page_scan.h"
#include "store/records.h"

namespace stampede::statuses {

// Why statuses are loaded, which decides what is left out besides what the viewer may not see.
enum class LoadFor : uint8_t {
  kItself,   // asked for by id: only visibility counts
  kProfile,  // an account's own page: without its boosts of authors whom the viewer blocks or mutes
  kList,     // timelines of others, contexts: also without authors whom the viewer blocks or mutes
  kHome,     // also without posts that mention such accounts; own posts always stay
};

// All that one Status entity (docs.joinmastodon.org/entities/Status) is made of.
struct StatusData {
  std::shared_ptr<const StatusRecord> status;
  accounts::AccountData author;
  int64_t replies = 0;
  int64_t reblogs = 0;
  int64_t favourites = 0;
  std::shared_ptr<const MyStatusRecord> mine;  // the viewer's; null: nothing done
  std::shared_ptr<const StatusData> reblog;    // the boosted status, of a boost

  StatusId id() const { return StatusId(status->id()); }
};

// The next candidates of a list, in order: what of them may be shown, and where to go on.
struct Candidates {
  std::vector<StatusId> ids;
  uint64_t last = 0;  // the id furthest along, whether shown or not; 0 when there was none
  bool more = false;  // whether anything may lie beyond
};
using CandidateSource =
    std::function<Candidates(const store::IdBounds& bounds, size_t limit, bool upwards)>;

// Loads and renders statuses, seen by a viewer. Thread-safe. The only way from a status id to
// output, so that nothing invisible gets out.
class StatusViews {
 public:
  // `texts_bytes_max` bounds the rendered parts of statuses and accounts that are kept.
  StatusViews(store::Records& records, const Site& site, Clock& clock,
              size_t texts_bytes_max = 1024 * 1024)
      : records_(records), site_(site), clock_(clock), texts_(texts_bytes_max) {}

  // In the order of `ids`, without those that do not exist or that this viewer (none: the public)
  // may not see. At most three round trips to the store and a scan, whatever the number.
  std::vector<StatusData> Load(AccountId viewer, std::span<const StatusId> ids, LoadFor purpose);
  // One page of a list: reads on from the source until the page is full of what the viewer sees, the
  // list ends, or a bounded number of candidates was looked at. Newest first.
  std::vector<StatusData> LoadPage(AccountId viewer, const net::Page& page, LoadFor purpose,
                                   const CandidateSource& source);
  // Throws Error(kNotFound) when absent or invisible.
  StatusData LoadOne(AccountId viewer, StatusId id);

  // The Status entity as one JSON object. `caller` decides which viewer-relative keys it has.
  void Render(codec::JsonWriter& json, const StatusData& data, const net::Caller& caller) const;
  // The answer to a deletion: plain `text` instead of `content`, for redrafting.
  void RenderDeleted(codec::JsonWriter& json, const StatusData& data,
                     const net::Caller& caller) const;
  std::string RenderList(std::span<const StatusData> list, const net::Caller& caller) const;

  std::string UrlOf(const StatusData& data) const;

 private:
  enum class Body { kContent, kText };
  // What of a Status' keys depends on its record, and on its author's name, alone.
  void WriteRecordKeys(codec::JsonWriter& json, const StatusData& data, Body body) const;
  void RenderAs(codec::JsonWriter& json, const StatusData& data, const net::Caller& caller,
                Body body) const;

  store::Records& records_;
  const Site& site_;
  Clock& clock_;
  mutable store::DerivedTexts texts_;
};

// The Link header of a page of statuses, which always has a next unless it is empty.
void AddStatusLinks(net::Reply& reply, const net::Request& request, const net::Page& page,
                    const Site& site, std::span<const StatusData> shown,
                    std::vector<std::string_view> keep = {});

}  // namespace stampede::statuses
