#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "obs/log.h"

// The pure parts of logging: how a record reads, and when it is dropped.
namespace stampede::obs {

struct LogRecord {
  LogLevel level;
  int64_t time_ms;
  std::string_view message;
  std::span<const LogField> fields;
  uint64_t suppressed = 0;
};

// One line without its end. Contains no control character, no line separator and no text
// direction override, whatever the record holds; bytes that are not UTF-8 are shown escaped.
// logfmt as described at https://brandur.org/logfmt; JSON by RFC 8259.
std::string FormatRecord(LogFormat format, const LogRecord& record);

// Decides which records of a message that repeats are written. Thread-safe.
class LogLimiter {
 public:
  // nullopt: drop. Otherwise write, and say that so many were dropped since the last one written.
  std::optional<uint64_t> Admit(std::string_view message, int64_t now_us);

 private:
  struct Window {
    int64_t start_us = 0;
    int written = 0;
    uint64_t suppressed = 0;
  };

  Mutex mutex_;
  std::map<std::string, Window, std::less<>> windows_ STAMPEDE_GUARDED_BY(mutex_);
};

}  // namespace stampede::obs
