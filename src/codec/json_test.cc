#include "codec/json.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/error.h"

namespace stampede::codec {
namespace {

bool IsRefused(std::string_view text, const JsonLimits& limits = {}) {
  try {
    ParseJson(text, limits);
    return false;
  } catch (const Error& error) {
    return error.code() == ErrorCode::kBadRequest;
  }
}

std::string Nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(ParseJson, ReadsEveryKindOfValue) {
  boost::json::value value = ParseJson(R"( {"a":[1,-2.5,true,null],"b":"\u00e9\ud83d\ude00"} )");
  EXPECT_EQ(boost::json::serialize(value), R"({"a":[1,-2.5E0,true,null],"b":"é😀"})");
}

TEST(ParseJson, RefusesWhatIsNotOneStrictDocument) {
  for (std::string_view text : {"", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "01", "[1] 2",
                                "// c\n1", "nul", "\"\\x\"", "NaN", "\"a\nb\"", "]"}) {
    EXPECT_TRUE(IsRefused(text)) << text;
  }
}

TEST(ParseJson, RefusesTextThatIsNotUnicode) {
  EXPECT_TRUE(IsRefused("\"\xFF\""));
  EXPECT_TRUE(IsRefused("\"\xC0\xAF\""));      // overlong
  EXPECT_TRUE(IsRefused("\"\xED\xA0\x80\""));  // surrogate
  EXPECT_TRUE(IsRefused(R"("\ud800")"));       // half a pair
}

TEST(ParseJson, DepthIsBounded) {
  EXPECT_FALSE(IsRefused(Nested(limits::kJsonDepthMax)));
  EXPECT_TRUE(IsRefused(Nested(limits::kJsonDepthMax + 1)));
  EXPECT_TRUE(IsRefused(std::string(1'000'000, '[')));
  EXPECT_TRUE(IsRefused(std::string(1'000'000, '{')));
}

TEST(ParseJson, LeavesAreBoundedAndCommasInStringsAreNone) {
  JsonLimits two{.leaves_max = 2};
  EXPECT_FALSE(IsRefused(R"({"a":"1,2,3\",\\","b":[]})", two));
  EXPECT_TRUE(IsRefused("[1,2,3]", two));
  EXPECT_TRUE(IsRefused("[[1],[2,[3]]]", two));
}

}  // namespace
}  // namespace stampede::codec
