#include "base/time_text.h"

namespace stampede {

namespace {

constexpr int64_t kDayMs = 86'400'000;

struct Date {
  int64_t year;
  unsigned month, day;
};

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Days since 1970-01-01 to a Gregorian date: Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", civil_from_days.
Date CivilFromDays(int64_t days) {
  days += 719'468;
  int64_t era = FloorDiv(days, 146'097);
  auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  unsigned shifted_month = (5 * day_of_year + 2) / 153;
  unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// Writes `value` as exactly `width` digits.
void Digits(char* out, int64_t value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string IsoDate(int64_t unix_ms) {
  Date date = CivilFromDays(FloorDiv(unix_ms, kDayMs));
  std::string text = "0000-00-00";
  Digits(text.data(), date.year, 4);
  Digits(text.data() + 5, date.month, 2);
  Digits(text.data() + 8, date.day, 2);
  return text;
}

std::string IsoTime(int64_t unix_ms) {
  int64_t of_day = unix_ms - FloorDiv(unix_ms, kDayMs) * kDayMs;
  std::string text = IsoDate(unix_ms) + "T00:00:00.000Z";
  Digits(text.data() + 11, of_day / 3'600'000, 2);
  Digits(text.data() + 14, of_day / 60'000 % 60, 2);
  Digits(text.data() + 17, of_day / 1000 % 60, 2);
  Digits(text.data() + 20, of_day % 1000, 3);
  return text;
}

}  // namespace stampede
