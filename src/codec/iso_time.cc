#include "codec/iso_time.h"

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

}  // namespace

std::string IsoTime(int64_t unix_ms) {
  Parts p(unix_ms);
  char text[64];
  int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", p.year(),
                             p.month(), p.day(), p.hour, p.minute, p.second, p.millisecond);
  return std::string(text, static_cast<size_t>(length));
}

std::string IsoMidnight(int64_t unix_ms) { return IsoDate(unix_ms) + "T00:00:00.000Z"; }

std::string IsoDate(int64_t unix_ms) {
  Parts p(unix_ms);
  char text[32];
  int length = std::snprintf(text, sizeof text, "%04d-%02u-%02u", p.year(), p.month(), p.day());
  return std::string(text, static_cast<size_t>(length));
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
