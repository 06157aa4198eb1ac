#include "features/statuses/policy.h"

#include "base/error.h"
#include "base/limits.h"
#include "codec/text.h"
#include "codec/utf8.h"

namespace stampede::statuses {

using relationships::Visibility;

Visibility VisibilityOf(const StatusRecord& status) {
  return static_cast<Visibility>(status.visibility());
}

std::string_view VisibilityName(Visibility visibility) {
  static constexpr std::string_view kNames[] = {"public", "unlisted", "private", "direct"};
  return kNames[static_cast<size_t>(visibility)];
}

std::optional<Visibility> ParseVisibility(std::string_view name) {
  for (auto v :
       {Visibility::kPublic, Visibility::kUnlisted, Visibility::kPrivate, Visibility::kDirect}) {
    if (name == VisibilityName(v)) return v;
  }
  return std::nullopt;
}

bool VisibleTo(AccountId viewer, const StatusRecord& status, bool author_suspended,
               const relationships::Ties& ties) {
  std::vector<AccountId> mentions;
  for (const Mention& mention : status.mentions()) mentions.emplace_back(mention.account());
  return relationships::Visible(viewer,
                                {.author = AccountId(status.author()),
                                 .visibility = VisibilityOf(status),
                                 .mentions = mentions,
                                 .author_suspended = author_suspended},
                                ties);
}

bool IsOnPublicTimeline(const StatusRecord& status) {
  return status.visibility() == static_cast<int>(Visibility::kPublic) && !status.reblog_of() &&
         (!status.in_reply_to_id() || status.in_reply_to_account() == status.author());
}

bool CountsForAuthor(const StatusRecord& status) {
  return status.visibility() != static_cast<int>(Visibility::kDirect);
}

bool CountsForParent(const StatusRecord& status) {
  return status.visibility() <= static_cast<int>(Visibility::kUnlisted);
}

void NormaliseTexts(std::string& text, std::string& spoiler_text, size_t chars_max) {
  if (text.size() + spoiler_text.size() > limits::kStatusTextBytesMax) {
    throw Error::Invalid("Text is too long");
  }
  text = codec::Trim(text);
  spoiler_text = codec::Trim(spoiler_text);
  if (text.empty()) std::swap(text, spoiler_text);
  if (text.empty()) throw Error::Invalid("Text can't be blank");
  if (codec::StatusLength(spoiler_text, text) > chars_max) {
    throw Error::Invalid("Text character limit of " + std::to_string(chars_max) + " exceeded");
  }
}

OutboxRow OutboxRowOf(const StatusRecord& status) {
  OutboxRow row;
  row.set_id(status.id());
  row.set_author(status.author());
  row.set_visibility(status.visibility());
  row.set_reblog_of(status.reblog_of());
  row.set_reblog_of_author(status.reblog_of_author());
  row.set_in_reply_to_id(status.in_reply_to_id());
  row.set_in_reply_to_account(status.in_reply_to_account());
  row.set_language(status.language());
  if (status.visibility() == static_cast<int>(Visibility::kDirect)) {
    for (const Mention& mention : status.mentions()) row.add_mentions(mention.account());
  }
  return row;
}

}  // namespace stampede::statuses
