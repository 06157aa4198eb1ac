#include "features/relationships/view.h"

#include "codec/iso_time.h"

namespace stampede::relationships {

void RenderRelationship(codec::JsonWriter& json, AccountId them, const Ties& ties, int64_t now_ms) {
  static const RelationRecord kNothing;
  const RelationRecord& mine = ties.mine ? *ties.mine : kNothing;
  // A request has terms too, and clients show them before it is accepted.
  const FollowTerms& terms = mine.has_follow() ? mine.follow() : mine.request();
  const bool muting = ties.muting(now_ms);

  json.Object().Field("id", them).Field("following", ties.following());
  json.Field("showing_reblogs", terms.reblogs()).Field("notifying", terms.notify());
  json.Key("languages");
  if (terms.languages().empty()) {
    json.Null();
  } else {
    json.Array();
    for (const std::string& language : terms.languages()) json.String(language);
    json.EndArray();
  }
  json.Field("followed_by", ties.followed_by()).Field("blocking", ties.blocking());
  json.Field("blocked_by", ties.blocked_by()).Field("muting", muting);
  json.Field("muting_notifications", muting && mine.mute().notifications());
  json.Key("muting_expires_at");
  if (muting && mine.mute().expires_ms() != 0) {
    json.String(codec::IsoTime(mine.mute().expires_ms()));
  } else {
    json.Null();
  }
  json.Field("requested", ties.requested());
  json.Field("requested_by", ties.theirs && ties.theirs->has_request());
  // Blocking whole servers and featuring accounts on profiles do not exist here.
  json.Field("domain_blocking", false).Field("endorsed", false);
  json.Field("note", mine.note()).EndObject();
}

}  // namespace stampede::relationships
