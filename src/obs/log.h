#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

// Structured logging: one record is one line on stderr, as logfmt or JSON.
//
//   Log(LogLevel::kInfo, "listening", {{"address", address}, {"workers", 4}});
//
// Thread-safe. The message is a constant text that names what happened; what varies goes into
// fields. Values are escaped and cut at limits::kLogValueBytesMax, so what comes from outside can
// neither forge a line nor flood one. Never log secrets: no tokens, passwords, cookies, request
// bodies or private texts. A record below the level costs one atomic load; any other costs a
// write(2), so a message that repeats more than limits::kLogRepeatsPerSecond times a second is
// dropped and counted: its next record carries `suppressed=N`.
namespace stampede::obs {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

// A named value of a record. Refers to the text it is given: build it in the call only.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, std::same_as<bool> auto v) : key(k), value(v) {}
  LogField(std::string_view k, std::floating_point auto v)
      : key(k), value(static_cast<double>(v)) {}
  template <std::signed_integral T>
  LogField(std::string_view k, T v) : key(k), value(static_cast<int64_t>(v)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view k, T v) : key(k), value(static_cast<uint64_t>(v)) {}

  std::string_view key;
  Value value;
};

// Sets the lowest level written and the format. Call once at start-up; before it, records from
// kInfo up are written as logfmt.
void InitLog(LogLevel lowest, LogFormat format);
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
// For a record whose fields are expensive to compute.
bool LogEnabled(LogLevel level);

// "debug", "info", "warn", "error"; nullopt for anything else.
std::optional<LogLevel> ParseLogLevel(std::string_view text);
// "logfmt", "json"; nullopt for anything else.
std::optional<LogFormat> ParseLogFormat(std::string_view text);

}  // namespace stampede::obs
