#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "features/relationships/policy.h"
#include "features/statuses/records.pb.h"

// Pure rules about posts. Thread-safe.
namespace stampede::statuses {

relationships::Visibility VisibilityOf(const StatusRecord& status);
std::string_view VisibilityName(relationships::Visibility visibility);
// public, unlisted, private or direct.
std::optional<relationships::Visibility> ParseVisibility(std::string_view name);

// relationships::Visible for a record: the way in which every room asks it.
bool VisibleTo(AccountId viewer, const StatusRecord& status, bool author_suspended,
               const relationships::Ties& ties);
// Whether a post belongs on the public timeline: public, and no boost and no reply, except that an
// author's answers to themselves count as posts (docs.joinmastodon.org/methods/timelines#public).
bool IsOnPublicTimeline(const StatusRecord& status);
// Direct posts are letters: they do not count in statuses_count.
bool CountsForAuthor(const StatusRecord& status);
// Only replies that everybody can read are counted at their parent.
bool CountsForParent(const StatusRecord& status);

// Trims both texts; without text the content warning becomes the text. Throws Error(kInvalid) when
// nothing is left, when both together are longer than `chars_max`, or bytes exceed
// limits::kStatusTextBytesMax.
void NormaliseTexts(std::string& text, std::string& spoiler_text, size_t chars_max);

// What feeds must know of a status.
OutboxRow OutboxRowOf(const StatusRecord& status);

}  // namespace stampede::statuses
