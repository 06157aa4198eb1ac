// The short texts of pages: times, numbers, names and summaries.
#include <algorithm>

#include "codec/html.h"
#include "codec/iso_time.h"
#include "codec/utf8.h"
#include "features/pages/view.h"

namespace stampede::pages {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;
// About what previews of links show.
constexpr size_t kSummaryChars = 200;

std::string OneLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  std::string_view cut = codec::TruncateGraphemes(line, kSummaryChars);
  if (cut.size() == line.size()) return line;
  return std::string(codec::Trim(cut)) + "…";
}

}  // namespace

std::string ShortDate(int64_t unix_ms) {
  std::string date = codec::HttpDate(unix_ms).substr(5, 11);  // of "Tue, 14 Nov 2023 22:13:20 GMT"
  return date.starts_with('0') ? date.substr(1) : date;
}

std::string RelativeTime(int64_t then_ms, int64_t now_ms) {
  int64_t age = std::max<int64_t>(now_ms - then_ms, 0);
  if (age < kMinuteMs) return "just now";
  if (age < kHourMs) return std::to_string(age / kMinuteMs) + " min";
  if (age < kDayMs) return std::to_string(age / kHourMs) + " h";
  if (age < 7 * kDayMs) return std::to_string(age / kDayMs) + " d";
  return ShortDate(then_ms);
}

std::string FullTime(int64_t unix_ms) {
  return ShortDate(unix_ms) + ", " + codec::IsoTime(unix_ms).substr(11, 5) + " UTC";
}

std::string GroupedNumber(int64_t number) {
  std::string digits = std::to_string(std::max<int64_t>(number, 0));
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string NameOf(const accounts::AccountData& data) {
  std::string_view name = codec::Trim(data.account->display_name());
  return name.empty() ? data.account->username() : std::string(name);
}

std::string FullHandle(const accounts::AccountData& data, const Site& site) {
  const std::string& domain = data.account->domain();
  return "@" + data.account->username() + "@" + (domain.empty() ? site.domain : domain);
}

std::string SummaryOf(const statuses::StatusData& data) {
  const std::string& spoiler = data.status->spoiler_text();
  return OneLine(spoiler.empty() ? codec::PlainText(data.status->content()) : spoiler);
}

std::string SummaryOf(const accounts::AccountData& data) {
  return OneLine(codec::PlainText(data.account->note_html()));
}

}  // namespace stampede::pages
