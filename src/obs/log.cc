#include "obs/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>

#include "base/clock.h"
#include "obs/log_record.h"

namespace stampede::obs {
namespace {

struct Logger {
  Logger() : out("stampede", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    out.set_pattern("%v");
    out.set_level(spdlog::level::trace);
  }

  SystemClock clock;
  LogLimiter limiter;
  spdlog::logger out;
};

std::atomic<LogLevel> lowest_level{LogLevel::kInfo};
std::atomic<LogFormat> log_format{LogFormat::kLogfmt};

Logger& TheLogger() {
  static Logger* logger = new Logger;  // never destroyed: threads may log until the very end
  return *logger;
}

}  // namespace

void InitLog(LogLevel lowest, LogFormat format) {
  lowest_level = lowest;
  log_format = format;
}

bool LogEnabled(LogLevel level) { return level >= lowest_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  Logger& logger = TheLogger();
  std::optional<uint64_t> suppressed = logger.limiter.Admit(message, logger.clock.MonotonicUs());
  if (!suppressed) return;
  LogRecord record{.level = level,
                   .time_ms = logger.clock.NowMs(),
                   .message = message,
                   .fields = {fields.begin(), fields.size()},
                   .suppressed = *suppressed};
  std::string line = FormatRecord(log_format.load(std::memory_order_relaxed), record);
  logger.out.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

std::optional<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return std::nullopt;
}

}  // namespace stampede::obs
