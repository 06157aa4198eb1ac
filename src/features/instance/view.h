#pragma once

#include <string>

#include "codec/json_writer.h"
#include "features/instance/service.h"
#include "features/instance/site.h"

// The entities that say what this server is. Only what is true now: a limit of something that does
// not exist yet is 0.
namespace stampede::instance {

// https://docs.joinmastodon.org/entities/Instance
void RenderInstance(codec::JsonWriter& json, const Site& site, const Stats& stats,
                    const std::string& vapid_public_key);
// https://docs.joinmastodon.org/entities/V1_Instance
void RenderInstanceV1(codec::JsonWriter& json, const Site& site, const Stats& stats);
void RenderRules(codec::JsonWriter& json, const Site& site);
// https://nodeinfo.diaspora.software/ns/schema/2.0 (or 2.1, which adds the repository).
void RenderNodeInfo(codec::JsonWriter& json, const Site& site, const Stats& stats);

// ws:// or wss:// with the host of the site.
std::string StreamingUrl(const Site& site);
// The HTML of the privacy policy and of the extended description.
std::string PrivacyPolicyHtml(const Site& site);
std::string ExtendedDescriptionHtml(const Site& site);

}  // namespace stampede::instance
