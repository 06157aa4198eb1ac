#include "obs/log_record.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <utility>

#include "base/limits.h"

namespace stampede::obs {
namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error"};

struct CodePoint {
  uint32_t value;
  size_t bytes;
  bool valid;
};

// The code point that `text` starts with; one invalid byte if that is not UTF-8 (RFC 3629).
CodePoint Decode(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {lead, 1, false};
  uint32_t value = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {lead, 1, false};
    value = (value << 6) | (at(i) & 0x3f);
  }
  bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return {lead, 1, false};
  return {value, length, true};
}

// What a terminal or a line splitter could take for more than a letter: C0 and C1 controls, the
// Unicode line ends and the bidirectional controls (Unicode UAX #9).
bool IsHazard(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
         c == 0x200f || c == 0xfeff;
}

void AppendHex(std::string& out, uint32_t value, int digits) {
  while (digits-- > 0) out += "0123456789abcdef"[(value >> (4 * digits)) & 15];
}

void AppendQuoted(std::string& out, std::string_view text) {
  bool cut = text.size() > limits::kLogValueBytesMax;
  text = text.substr(0, limits::kLogValueBytesMax);
  out += '"';
  while (!text.empty()) {
    CodePoint c = Decode(text);
    if (!c.valid) {
      out += "\\\\x";  // an escaped backslash, so that the line stays valid JSON
      AppendHex(out, c.value, 2);
    } else if (c.value == '"' || c.value == '\\') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (IsHazard(c.value)) {
      out += "\\u";
      AppendHex(out, c.value, 4);
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  out += cut ? "…\"" : "\"";
}

bool IsBare(std::string_view text) {
  if (text.empty() || text.size() > limits::kLogValueBytesMax) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

void AppendText(std::string& out, LogFormat format, std::string_view text) {
  if (format == LogFormat::kLogfmt && IsBare(text)) {
    out += text;
  } else {
    AppendQuoted(out, text);
  }
}

void AppendNumber(std::string& out, auto value) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendValue(std::string& out, LogFormat format, const LogField::Value& value) {
  if (auto* text = std::get_if<std::string_view>(&value)) return AppendText(out, format, *text);
  if (auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (auto* number = std::get_if<double>(&value)) {
    // JSON has no infinities and no NaN.
    std::isfinite(*number) ? AppendNumber(out, *number) : AppendText(out, format, "nan");
  } else if (auto* integer = std::get_if<int64_t>(&value)) {
    AppendNumber(out, *integer);
  } else {
    AppendNumber(out, std::get<uint64_t>(value));
  }
}

// RFC 3339, UTC, milliseconds.
std::string FormatTime(int64_t time_ms) {
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &parts);
  std::string result(text, length);
  std::string fraction = std::to_string(1000 + time_ms % 1000);
  return result + fraction.substr(1) + "Z";
}

}  // namespace

std::string FormatRecord(LogFormat format, const LogRecord& record) {
  bool json = format == LogFormat::kJson;
  std::string line(json ? "{" : "");
  auto add = [&](std::string_view key, const LogField::Value& value) {
    if (line.size() > 1) line += json ? ',' : ' ';
    AppendText(line, format, key);
    line += json ? ':' : '=';
    AppendValue(line, format, value);
  };
  std::string time = FormatTime(record.time_ms);
  add("time", std::string_view(time));
  add("level", kLevelNames[static_cast<size_t>(record.level)]);
  add("message", record.message);
  for (const LogField& field : record.fields) add(field.key, field.value);
  if (record.suppressed) add("suppressed", record.suppressed);
  if (json) line += '}';
  return line;
}

std::optional<uint64_t> LogLimiter::Admit(std::string_view message, int64_t now_us) {
  MutexLock lock(mutex_);
  auto found = windows_.find(message);
  if (found == windows_.end()) {
    // Messages are constants of the program, so this is a guard against a caller who forgot that.
    if (windows_.size() >= limits::kLogMessagesMax) windows_.clear();
    found = windows_.emplace(message, Window{.start_us = now_us}).first;
  }
  Window& window = found->second;
  if (now_us - window.start_us >= 1'000'000) {
    window.start_us = now_us;
    window.written = 0;
  }
  if (window.written == limits::kLogRepeatsPerSecond) {
    ++window.suppressed;
    return std::nullopt;
  }
  ++window.written;
  return std::exchange(window.suppressed, 0);
}

}  // namespace stampede::obs
