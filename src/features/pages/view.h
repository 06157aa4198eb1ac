#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "features/accounts/view.h"
#include "features/instance/service.h"
#include "features/instance/site.h"
#include "features/statuses/view.h"

// Posts, profiles and the front page as HTML for people without an account. Thread-safe, pure. What
// members wrote as plain text is escaped here; their posts' and profiles' HTML comes safe from
// codec/text.h. Links and pictures of this server are relative, so that pages work under whatever
// name the server was reached.
namespace stampede::pages {

enum class PostStyle : uint8_t {
  kListed,   // in a timeline: shows what it answers to
  kThread,   // in a thread around another post
  kFocused,  // the post that a page is about
};

// One post or boost as an <article>. `depth` indents replies in a thread.
std::string RenderPost(const statuses::StatusData& data, const Site& site, int64_t now_ms,
                       PostStyle style, int depth = 0);
// Posts one below the other, or a line that says there are none.
std::string RenderPosts(std::span<const statuses::StatusData> posts, const Site& site,
                        int64_t now_ms);

enum class ProfileTab : uint8_t { kPosts, kWithReplies };

// The head of a profile page: pictures, name, bio, fields, numbers, tabs.
std::string RenderProfile(const accounts::AccountData& data, const Site& site, ProfileTab tab);

// What this server is and how to get in, for the front page.
std::string RenderWelcome(const Site& site, const instance::Stats& stats);

// Links to the newest page (when this is not it) and to the next older one (`oldest` not 0).
std::string RenderPaging(std::string_view path, bool is_newest, uint64_t oldest);

// The name to show for an account: what it calls itself, or its user name. Not escaped.
std::string NameOf(const accounts::AccountData& data);
// "@alice@example.org", complete also for local accounts.
std::string FullHandle(const accounts::AccountData& data, const Site& site);
// A post in one line of plain text, for link previews: its content warning if it has one.
std::string SummaryOf(const statuses::StatusData& data);
// A bio in one line of plain text.
std::string SummaryOf(const accounts::AccountData& data);

// "14 Nov 2023", UTC.
std::string ShortDate(int64_t unix_ms);
// "just now", "5 min", "3 h", "2 d", then the date.
std::string RelativeTime(int64_t then_ms, int64_t now_ms);
// "14 Nov 2023, 22:13 UTC".
std::string FullTime(int64_t unix_ms);
// "1,234,567".
std::string GroupedNumber(int64_t number);

}  // namespace stampede::pages
