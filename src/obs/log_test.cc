#include "obs/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/limits.h"
#include "obs/log_record.h"

namespace stampede::obs {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kTimeMs = 1'700'000'000'042;

std::string Line(LogFormat format, std::string_view message, std::vector<LogField> fields = {},
                 uint64_t suppressed = 0) {
  return FormatRecord(format, {LogLevel::kInfo, kTimeMs, message, fields, suppressed});
}

std::string Value(LogFormat format, std::string_view value) {
  std::string line = Line(format, "m", {{"k", value}});
  size_t at = line.find(format == LogFormat::kJson ? "\"k\":" : "k=");
  return line.substr(at + (format == LogFormat::kJson ? 4 : 2));
}

TEST(LogRecord, LogfmtQuotesOnlyWhatNeedsIt) {
  std::string name = "alice";
  EXPECT_EQ(Line(LogFormat::kLogfmt, "signed in",
                 {{"name", name}, {"tries", 3}, {"share", 0.5}, {"ok", true}, {"text", "a b"}}),
            "time=2023-11-14T22:13:20.042Z level=info message=\"signed in\" name=alice tries=3 "
            "share=0.5 ok=true text=\"a b\"");
}

TEST(LogRecord, JsonKeepsTypes) {
  EXPECT_EQ(Line(LogFormat::kJson, "done",
                 {{"n", -1}, {"big", UINT64_MAX}, {"ok", false}, {"text", "é"}}, 7),
            R"({"time":"2023-11-14T22:13:20.042Z","level":"info","message":"done","n":-1,)"
            R"("big":18446744073709551615,"ok":false,"text":"é","suppressed":7})");
}

TEST(LogRecord, AValueCannotForgeALine) {
  for (LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    std::string line =
        Value(format, "x\nlevel=error\r\x1b[2J\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xae end");
    for (unsigned char c : line) EXPECT_GE(c, 0x20);
    EXPECT_THAT(line, HasSubstr(R"("x\nlevel=error\u000d\u001b[2J\u007f\u0085\u2028\u202e end")"));
  }
  EXPECT_EQ(Value(LogFormat::kLogfmt, "a\" b=\"c\\"), R"("a\" b=\"c\\")");
}

TEST(LogRecord, BytesThatAreNotUtf8AreShownEscaped) {
  EXPECT_EQ(Value(LogFormat::kLogfmt, "\xff\xc0\xaf\xed\xa0\x80"),
            R"("\\xff\\xc0\\xaf\\xed\\xa0\\x80")");
  EXPECT_EQ(Value(LogFormat::kLogfmt, "cut \xe2\x82"), R"("cut \\xe2\\x82")");
  EXPECT_EQ(Value(LogFormat::kJson, std::string_view("\0", 1)), R"("\u0000"})");
}

TEST(LogRecord, LongValuesAreCut) {
  std::string line = Value(LogFormat::kLogfmt, std::string(1'000'000, 'a'));
  EXPECT_LT(line.size(), limits::kLogValueBytesMax + 10);
  EXPECT_THAT(line, testing::EndsWith("…\""));
}

TEST(LogRecord, JsonHasNoInfinity) {
  EXPECT_THAT(Line(LogFormat::kJson, "m", {{"x", std::numeric_limits<double>::infinity()}}),
              HasSubstr(R"("x":"nan")"));
}

TEST(LogLimiter, ARepeatedMessageIsDroppedAndCounted) {
  LogLimiter limiter;
  for (int i = 0; i < limits::kLogRepeatsPerSecond; ++i) EXPECT_EQ(limiter.Admit("m", 1), 0u);
  EXPECT_EQ(limiter.Admit("m", 2), std::nullopt);
  EXPECT_EQ(limiter.Admit("m", 999'999), std::nullopt);
  EXPECT_EQ(limiter.Admit("other", 3), 0u);
  EXPECT_EQ(limiter.Admit("m", 1'000'001), 2u);
  EXPECT_EQ(limiter.Admit("m", 1'000'002), 0u);
}

TEST(Log, WritesOneLineToStderrFromTheLevelUp) {
  InitLog(LogLevel::kWarn, LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "quiet");
  Log(LogLevel::kError, "loud {} %v", {{"why", "because"}});
  std::string out = testing::internal::GetCapturedStderr();
  InitLog(LogLevel::kInfo, LogFormat::kLogfmt);
  EXPECT_THAT(out, Not(HasSubstr("quiet")));
  EXPECT_THAT(out, testing::EndsWith("level=error message=\"loud {} %v\" why=because\n"));
}

TEST(Log, LevelsAndFormatsAreParsed) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("INFO"), std::nullopt);
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(ParseLogFormat("xml"), std::nullopt);
}

}  // namespace
}  // namespace stampede::obs
