#include "codec/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "codec/json.h"
#include "codec/utf8.h"

namespace stampede::codec {
namespace {

std::string Quoted(std::string_view text) { return JsonWriter().String(text).TakeString(); }

TEST(JsonWriter, CommasStandBetweenSiblingsOnEveryLevel) {
  JsonWriter json;
  json.Object().Field("a", 1).Key("b").Array().Int(1).Object().EndObject().Array().EndArray();
  json.Null().EndArray().Key("c").Object().Field("d", true).EndObject().EndObject();
  EXPECT_EQ(json.text(), R"({"a":1,"b":[1,{},[],null],"c":{"d":true}})");
}

TEST(JsonWriter, EveryTypeIsWrittenAsItself) {
  JsonWriter json;
  json.Array().Value("text").Value(std::string("s")).Value(std::string_view("v")).Value(false);
  json.Value(-5).Value(uint8_t{7}).Value(std::numeric_limits<int64_t>::min());
  json.Value(std::numeric_limits<uint64_t>::max()).Value(1.5).Value(nullptr);
  json.Value(StatusId(110000000000000001)).Value(StatusId()).Value(std::optional<int>());
  json.Value(std::optional<std::string>("set")).Value(std::optional<StatusId>(StatusId(3)));
  json.Raw("{\"raw\":1}").EndArray();
  EXPECT_EQ(json.text(),
            R"(["text","s","v",false,-5,7,-9223372036854775808,18446744073709551615,1.5,null,)"
            R"("110000000000000001",null,null,"set","3",{"raw":1}])");
}

TEST(JsonWriter, AFieldOfACharPointerIsTextAndNotABool) {
  const char* name = "alice";
  EXPECT_EQ(JsonWriter().Object().Field("name", name).Field("tag", "x").EndObject().text(),
            R"({"name":"alice","tag":"x"})");
}

TEST(JsonWriter, NumbersThatJsonLacksAreNull) {
  EXPECT_EQ(JsonWriter().Array().Double(NAN).Double(INFINITY).Double(0.1).EndArray().text(),
            "[null,null,0.1]");
}

TEST(JsonWriter, ControlsQuotesAndBackslashesAreEscapedWhereverTheyStand) {
  EXPECT_EQ(Quoted("a\"b\\c\n\t\r\b\f\x01\x1f/"), R"("a\"b\\c\n\t\r\b\f\u0001\u001f/")");
  for (size_t before = 0; before < 20; ++before) {
    std::string plain(before, 'p');
    EXPECT_EQ(Quoted(plain + "\"" + plain), "\"" + plain + "\\\"" + plain + "\"");
    EXPECT_EQ(Quoted(plain + '\0' + plain), "\"" + plain + "\\u0000" + plain + "\"");
  }
}

TEST(JsonWriter, ValidUtf8IsCopiedAndInvalidIsReplaced) {
  EXPECT_EQ(Quoted("日本 👨‍👩‍👧 é \uFFFD"),
            "\"日本 👨‍👩‍👧 é \uFFFD\"");
  EXPECT_EQ(Quoted("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(Quoted("\xE6\x97"), "\"\uFFFD\"");
  EXPECT_EQ(Quoted("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // a surrogate
}

TEST(JsonWriter, AnyBytesReadBackAsTheirSanitizedSelves) {
  SeededRandom random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random.Below(40), '\0');
    random.Fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    boost::json::value parsed = ParseJson(Quoted(bytes));
    EXPECT_EQ(std::string_view(parsed.as_string()), SanitizeUtf8(bytes)) << "seed 7, " << round;
  }
}

TEST(JsonWriter, TakingTheTextLeavesAnEmptyWriter) {
  JsonWriter json;
  json.Array().Int(1).EndArray();
  EXPECT_EQ(json.TakeString(), "[1]");
  EXPECT_EQ(json.Int(2).text(), "2");
}

}  // namespace
}  // namespace stampede::codec
