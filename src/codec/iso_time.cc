#include "codec/iso_time.h"

#include <charconv>
#include <cstdio>

namespace stampede::codec {
namespace {

struct Parts {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  int hour, minute, second, millisecond;

  explicit Parts(int64_t unix_ms) {
    std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(unix_ms)};
    auto day = std::chrono::floor<std::chrono::days>(time);
    date = day;
    weekday = std::chrono::weekday(day);
    auto rest = static_cast<int>((time - day).count());
    hour = rest / 3'600'000;
    minute = rest / 60'000 % 60;
    second = rest / 1'000 % 60;
    millisecond = rest % 1'000;
  }
  int year() const { return static_cast<int>(date.year()); }
  unsigned month() const { return static_cast<unsigned>(date.month()); }
  unsigned day() const { return static_cast<unsigned>(date.day()); }
};

// Writes `before` and then the number with at least so many digits. Every status of every page needs
// some of these; snprintf was 4 % of a home page.
void Append(std::string& text, char before, int number, size_t digits) {
  char buffer[16];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  auto length = static_cast<size_t>(end - buffer);
  if (before != 0) text += before;
  if (length < digits) text.append(digits - length, '0');
  text.append(buffer, length);
}

void AppendDate(std::string& text, const Parts& p) {
  Append(text, 0, p.year(), 4);
  Append(text, '-', static_cast<int>(p.month()), 2);
  Append(text, '-', static_cast<int>(p.day()), 2);
}

}  // namespace

std::string IsoTime(int64_t unix_ms) {
  Parts p(unix_ms);
  std::string text;
  text.reserve(sizeof "2024-01-02T03:04:05.678Z");
  AppendDate(text, p);
  Append(text, 'T', p.hour, 2);
  Append(text, ':', p.minute, 2);
  Append(text, ':', p.second, 2);
  Append(text, '.', p.millisecond, 3);
  text += 'Z';
  return text;
}

std::string IsoMidnight(int64_t unix_ms) { return IsoDate(unix_ms) + "T00:00:00.000Z"; }

std::string IsoDate(int64_t unix_ms) {
  std::string text;
  AppendDate(text, Parts(unix_ms));
  return text;
}

std::string HttpDate(int64_t unix_ms) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  Parts p(unix_ms);
  char text[64];
  int length = std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                             kDays[p.weekday.c_encoding()], p.day(), kMonths[p.month() - 1],
                             p.year(), p.hour, p.minute, p.second);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace stampede::codec
