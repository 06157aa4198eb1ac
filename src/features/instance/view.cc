#include "features/instance/view.h"

#include "base/limits.h"
#include "codec/html.h"

namespace stampede::instance {
namespace {

using codec::JsonWriter;

// Mastodon 4.3's, the version that `version` names; see docs.joinmastodon.org/entities/Instance.
constexpr int kApiVersion = 2;

// How many of them exist: none before their rooms are built.
constexpr int kMediaPerStatus = 0;
constexpr int kFeaturedTags = 0;
constexpr int kPinnedStatuses = 0;

bool Open(const Site& site) { return site.registrations != Registrations::kClosed; }

void WriteAccountLimits(JsonWriter& json, bool v2) {
  json.Key("accounts").Object();
  if (v2) {
    json.Field("max_display_name_length", limits::kDisplayNameCharsMax);
    json.Field("max_note_length", limits::kNoteCharsMax);
    json.Field("max_avatar_description_length", limits::kAltTextCharsMax);
    json.Field("max_header_description_length", limits::kAltTextCharsMax);
  }
  json.Field("max_featured_tags", kFeaturedTags);
  if (v2) {
    json.Field("max_pinned_statuses", kPinnedStatuses);
    json.Field("max_profile_fields", limits::kFieldsMax);
    json.Field("profile_field_name_limit", limits::kFieldCharsMax);
    json.Field("profile_field_value_limit", limits::kFieldCharsMax);
  }
  json.EndObject();
}

// `statuses`, `media_attachments`, `polls`: the same in both versions.
void WriteContentLimits(JsonWriter& json, const Site& site, bool v2) {
  json.Key("statuses").Object().Field("max_characters", site.status_chars_max);
  json.Field("max_media_attachments", kMediaPerStatus);
  json.Field("characters_reserved_per_url", limits::kUrlChars).EndObject();
  // Profile pictures are the only uploads.
  json.Key("media_attachments").Object().Key("supported_mime_types").Array();
  for (std::string_view type : {"image/jpeg", "image/png", "image/gif", "image/webp"})
    json.String(type);
  json.EndArray();
  if (v2) json.Field("description_limit", limits::kAltTextCharsMax);
  json.Field("image_size_limit", limits::kAvatarBytesMax);
  json.Field("image_matrix_limit", limits::kProfileImagePixelsMax);
  json.Field("video_size_limit", 0).Field("video_frame_rate_limit", 0);
  json.Field("video_matrix_limit", 0).EndObject();
  json.Key("polls").Object().Field("max_options", 0).Field("max_characters_per_option", 0);
  json.Field("min_expiration", 0).Field("max_expiration", 0).EndObject();
}

void WriteTimelineAccess(JsonWriter& json) {
  json.Key("timelines_access").Object();
  json.Key("live_feeds").Object().Field("local", "public").Field("remote", "public").EndObject();
  // There are no feeds of hashtags and of trending links: what is not there cannot be had by
  // anybody, and "authenticated" is the strictest that the entity knows for `local`.
  for (std::string_view feeds : {"hashtag_feeds", "trending_link_feeds"}) {
    json.Key(feeds)
        .Object()
        .Field("local", "authenticated")
        .Field("remote", "disabled")
        .EndObject();
  }
  json.EndObject();
}

void WriteConfiguration(JsonWriter& json, const Site& site, const std::string& vapid_public_key) {
  json.Key("configuration").Object().Key("urls").Object();
  json.Field("streaming", StreamingUrl(site)).Key("status").Null();
  json.Field("about", site.base_url + "/about");
  json.Field("privacy_policy", site.base_url + "/privacy-policy");
  json.Key("terms_of_service").Null().EndObject();
  json.Key("vapid").Object().Field("public_key", vapid_public_key).EndObject();
  WriteAccountLimits(json, true);
  WriteContentLimits(json, site, true);
  json.Key("translation").Object().Field("enabled", false).EndObject();
  WriteTimelineAccess(json);
  json.Field("limited_federation", true);  // limited to nobody: there is no federation yet
  json.EndObject();
}

void WriteRegistrations(JsonWriter& json, const Site& site) {
  json.Key("registrations").Object().Field("enabled", Open(site));
  json.Field("approval_required", site.registrations == Registrations::kApproval);
  json.Field("reason_required", false).Key("message").Null().Key("min_age").Null();
  if (Open(site)) {
    json.Field("url", site.base_url + "/auth/sign_up");
  } else {
    json.Key("url").Null();
  }
  json.EndObject();
}

std::string ThumbnailUrl(const Site& site) { return site.base_url + "/media/default/header/0.png"; }

}  // namespace

void RenderInstance(JsonWriter& json, const Site& site, const Stats& stats,
                    const std::string& vapid_public_key) {
  json.Object().Field("domain", site.domain).Field("title", site.title);
  json.Field("version", site.version).Field("source_url", site.base_url + "/about");
  json.Field("description", site.description).Key("usage").Object().Key("users").Object();
  json.Field("active_month", stats.active_month).EndObject().EndObject();
  json.Key("thumbnail").Object().Field("url", ThumbnailUrl(site)).Key("blurhash").Null();
  json.Key("versions").Object().Field("@1x", ThumbnailUrl(site)).EndObject().EndObject();
  json.Key("icon").Array();
  for (std::string_view side : {"192", "512"}) {
    std::string text(side);
    json.Object().Field("src", site.base_url + "/media/default/icon/" + text + ".png");
    json.Field("size", text + "x" + text).EndObject();
  }
  json.EndArray().Key("languages").Array();
  for (const std::string& language : site.languages) json.String(language);
  json.EndArray();
  WriteConfiguration(json, site, vapid_public_key);
  WriteRegistrations(json, site);
  json.Key("api_versions").Object().Field("mastodon", kApiVersion).EndObject();
  json.Key("wrapstodon").Null().Key("contact").Object().Field("email", site.contact_email);
  json.Key("account").Null().EndObject().Key("rules");
  RenderRules(json, site);
  json.EndObject();
}

void RenderInstanceV1(JsonWriter& json, const Site& site, const Stats& stats) {
  json.Object().Field("uri", site.domain).Field("title", site.title);
  json.Field("short_description", site.description).Field("description", site.description);
  json.Field("email", site.contact_email).Field("version", site.version);
  json.Key("urls").Object().Field("streaming_api", StreamingUrl(site)).EndObject();
  json.Key("stats").Object().Field("user_count", stats.users);
  json.Field("status_count", stats.statuses).Field("domain_count", 0).EndObject();
  json.Field("thumbnail", ThumbnailUrl(site)).Key("languages").Array();
  for (const std::string& language : site.languages) json.String(language);
  json.EndArray().Field("registrations", Open(site));
  json.Field("approval_required", site.registrations == Registrations::kApproval);
  json.Field("invites_enabled", false).Key("configuration").Object();
  WriteAccountLimits(json, false);
  WriteContentLimits(json, site, false);
  json.EndObject().Key("contact_account").Null().Key("rules");
  RenderRules(json, site);
  json.EndObject();
}

void RenderRules(JsonWriter& json, const Site& site) {
  json.Array();
  for (size_t i = 0; i < site.rules.size(); ++i) {
    json.Object().Field("id", std::to_string(i + 1)).Field("text", site.rules[i]);
    json.Field("hint", "").Key("translations").Object().EndObject().EndObject();
  }
  json.EndArray();
}

void RenderNodeInfo(JsonWriter& json, const Site& site, const Stats& stats) {
  json.Object().Field("version", "2.0").Key("software").Object().Field("name", "stampede");
  json.Field("version", site.version).EndObject();
  json.Key("protocols").Array().String("activitypub").EndArray();  // the schema wants at least one
  json.Key("services").Object().Key("inbound").Array().EndArray();
  json.Key("outbound").Array().EndArray().EndObject();
  json.Field("openRegistrations", Open(site)).Key("usage").Object().Key("users").Object();
  json.Field("total", stats.users).Field("activeMonth", stats.active_month);
  json.Field("activeHalfyear", stats.active_half_year).EndObject();
  json.Field("localPosts", stats.statuses).EndObject().Key("metadata").Object();
  json.Field("nodeName", site.title).Field("nodeDescription", site.description);
  // Whose API this is, for clients that would refuse a name they do not know.
  json.Key("upstream").Object().Field("name", "mastodon").EndObject().EndObject().EndObject();
}

std::string StreamingUrl(const Site& site) {
  // http becomes ws, https becomes wss.
  return site.base_url.starts_with("http") ? "ws" + site.base_url.substr(4) : site.base_url;
}

std::string PrivacyPolicyHtml(const Site& site) {
  std::string host = codec::EscapeHtml(site.domain);
  std::string html =
      "<p>What " + host +
      " keeps: your user name, e-mail address and password (as a one-way hash), your profile, your "
      "posts and what you do with those of others, the applications you let in, and the day on "
      "which you were last here.</p>"
      "<p>Posts and profiles that are public can be read by everybody. Posts to followers and to "
      "mentioned people are shown to them; they are not encrypted, so the operators of this server "
      "could read them.</p>"
      "<p>Addresses that requests come from are used to limit abuse and may appear in the "
      "operators' logs.</p>"
      "<p>There are no advertisements and no third-party scripts on these pages. One cookie keeps "
      "you signed in.</p>";
  if (!site.contact_email.empty()) {
    html += "<p>Questions go to " + codec::EscapeHtml(site.contact_email) + ".</p>";
  }
  return html;
}

std::string ExtendedDescriptionHtml(const Site& site) {
  std::string html;
  if (!site.description.empty()) html += "<p>" + codec::EscapeHtml(site.description) + "</p>";
  html += "<p>" + codec::EscapeHtml(site.domain) +
          " runs Stampede, a free server that speaks Mastodon's API.</p>";
  return html;
}

}  // namespace stampede::instance
