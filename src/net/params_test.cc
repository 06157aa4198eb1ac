#include "net/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"

namespace stampede::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::string_literals;

Params Form(std::string_view text) {
  Params params;
  ParseUrlEncoded(text, params);
  return params;
}

Params Json(std::string_view text) {
  Params params;
  ParseJsonParams(text, params);
  return params;
}

Params Multipart(std::string_view body, std::string_view boundary = "XX") {
  Params params;
  ParseMultipart(body, boundary, params);
  return params;
}

template <class Function>
ErrorCode CodeOf(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(Params, FormsAndJsonMeanTheSame) {
  for (const Params& params :
       {Form("id[]=1&id[]=2&source[privacy]=public&f[1][name]=b&f[0][name]=a&s=x+y%21"),
        Json(R"({"id": [1, "2"], "source": {"privacy": "public"},
                 "f": {"1": {"name": "b"}, "0": {"name": "a"}}, "s": "x y!"})")}) {
    EXPECT_THAT(params["id"].Texts(), ElementsAre("1", "2"));
    EXPECT_EQ(params["source"]["privacy"].Text(), "public");
    std::vector<const Params*> fields = params["f"].Elements();
    ASSERT_EQ(fields.size(), 2u);
    EXPECT_EQ((*fields[0])["name"].Text(), "a");
    EXPECT_EQ((*fields[1])["name"].Text(), "b");
    EXPECT_EQ(params["s"].Text(), "x y!");
    EXPECT_TRUE(params["unknown"]["deeper"].absent());
  }
}

TEST(Params, ALoneScalarIsAListOfOne) {
  EXPECT_THAT(Form("id=2")["id"].Texts(), ElementsAre("2"));
  EXPECT_THAT(Form("id[3]=c&id[1]=a")["id"].Texts(), ElementsAre("a", "c"));
  EXPECT_THAT(Form("x=1")["id"].Texts(), IsEmpty());
}

TEST(Params, ObjectsInListsStartAnewWhenANameRepeats) {
  Params params = Form("m[][id]=1&m[][text]=a&m[][id]=2&m[][focus][x]=0&m[][focus][y]=1");
  std::vector<const Params*> elements = params["m"].Elements();
  ASSERT_EQ(elements.size(), 2u);
  EXPECT_EQ((*elements[0])["text"].Text(), "a");
  EXPECT_EQ((*elements[1])["id"].Text(), "2");
  EXPECT_EQ((*elements[1])["focus"]["y"].Text(), "1");
}

TEST(Params, TheLastOfRepeatedScalarsCounts) {
  EXPECT_EQ(Form("a=1&a=2")["a"].Text(), "2");
  EXPECT_EQ(Json(R"({"a": 1, "a": 2})")["a"].Text(), "2");
}

TEST(Params, BooleansAreThoseOfTheReferenceServer) {
  for (std::string_view text : {"false", "0", "f", "F", "FALSE", "off", "OFF"}) {
    EXPECT_EQ(Form("a=" + std::string(text))["a"].Bool(), false) << text;
  }
  for (std::string_view text : {"true", "1", "t", "on", "no", "False"}) {
    EXPECT_EQ(Form("a=" + std::string(text))["a"].Bool(), true) << text;
  }
  EXPECT_EQ(Form("a=")["a"].Bool(), std::nullopt);
  EXPECT_EQ(Form("")["a"].Bool(), std::nullopt);
  EXPECT_EQ(Json(R"({"a": null})")["a"].Bool(), std::nullopt);
  EXPECT_EQ(Json(R"({"a": false})")["a"].Bool(), false);
  EXPECT_EQ(Json(R"({"a": 0})")["a"].Bool(), false);
}

TEST(Params, NumbersKeepAllTheirDigits) {
  Params params = Json(R"({"id": 18446744073709551615, "n": -5, "x": 1.5, "big": 1e30})");
  EXPECT_EQ(params["id"].Text(), "18446744073709551615");
  EXPECT_EQ(params["n"].Int(), -5);
  EXPECT_EQ(params["x"].Text(), "1.5");
  EXPECT_EQ(params["x"].Int(), std::nullopt);
  EXPECT_EQ(params["big"].Int(), std::nullopt);
  EXPECT_EQ(Form("n=12x")["n"].Int(), std::nullopt);
}

TEST(Params, NullIsNeitherTextNorAbsent) {
  Params params = Json(R"({"a": null, "b": ""})");
  EXPECT_EQ(params["a"].kind(), Params::Kind::kNull);
  EXPECT_TRUE(params.Has("a"));
  EXPECT_TRUE(params["a"].blank());
  EXPECT_EQ(params["a"].Text(), std::nullopt);
  EXPECT_TRUE(params["b"].blank());
  EXPECT_EQ(params["b"].Text(), "");
}

TEST(Params, AMissingRequiredParameterIsNamed) {
  EXPECT_EQ(Form("a=1").Required("a"), "1");
  try {
    Form("a=").Required("a");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadRequest);
    EXPECT_EQ(error.public_text(), "Missing required parameter: a");
  }
}

TEST(Params, MalformedInputIsRefused) {
  for (std::string_view text : {"a[b=1", "a[b]c=1", "[a]=1", "a=1&a[]=2", "a[]=1&a[b]=2", "a=%ff",
                                "a%00=1", "a=%00", "a[b][c][d][e][f][g][h][i]=1"}) {
    EXPECT_EQ(CodeOf([&] { Form(text); }), ErrorCode::kBadRequest) << text;
  }
  for (std::string_view text : {"{", "[1]", "1", "\"a\"", "{\"a\": \"\\u0000\"}",
                                "{\"a\": \"\xff\"}", "{} x", "{\"a\\u0000\": 1}"}) {
    EXPECT_EQ(CodeOf([&] { Json(text); }), ErrorCode::kBadRequest) << text;
  }
}

TEST(Params, NothingIsUnbounded) {
  std::string many, deep;
  for (size_t i = 0; i <= limits::kParamsMax; ++i) many += "a[]=1&";
  EXPECT_EQ(CodeOf([&] { Form(many); }), ErrorCode::kBadRequest);
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(CodeOf([&] { Json(deep); }), ErrorCode::kBadRequest);
  std::string list = "{\"a\": [0";
  for (size_t i = 0; i <= limits::kParamsMax; ++i) list += ",0";
  EXPECT_EQ(CodeOf([&] { Json(list + "]}"); }), ErrorCode::kBadRequest);
}

TEST(Params, PiecesThatNameNothingAreIgnored) {
  EXPECT_EQ(Form("&&a=1&=x&b").members().size(), 2u);
  EXPECT_EQ(Form("b")["b"].Text(), "");
  EXPECT_TRUE(Json("").members().empty());
  EXPECT_TRUE(Json(" \n").members().empty());
  EXPECT_TRUE(Json("null").members().empty());
}

TEST(Multipart, FilesAndTexts) {
  Params params = Multipart(
      "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"a[b]\"\r\n\r\nt\xc3\xa4xt\r\n"
      "--XX  \r\ncontent-disposition: form-data; name=file; filename=\"a \\\"b\\\" %22.png\"\r\n"
      "Content-Type: image/png\r\n\r\n\x89\x00\r\n--X\r\n--XX--\r\nepilogue"
      ""s);
  EXPECT_EQ(params["a"]["b"].Text(), "t\xc3\xa4xt");
  const Upload* file = params["file"].File();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->filename, "a \"b\" \".png");
  EXPECT_EQ(file->content_type, "image/png");
  EXPECT_EQ(file->bytes, "\x89\x00\r\n--X"s);
}

TEST(Multipart, AnEmptyFileInputIsNoFile) {
  Params params = Multipart(
      "--XX\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"\"\r\n\r\n\r\n--XX--");
  EXPECT_TRUE(params["avatar"].absent());
}

TEST(Multipart, FileNamesMayBeExtended) {
  Params params = Multipart(
      "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename*=UTF-8''%c3%a4.png\r\n\r\n1"
      "\r\n--XX--");
  ASSERT_NE(params["f"].File(), nullptr);
  EXPECT_EQ(params["f"].File()->filename, "\xc3\xa4.png");
}

TEST(Multipart, MalformedBodiesAreRefused) {
  const std::string part = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
  for (const std::string& body : std::vector<std::string>{
           "x", "--XX", part, part + "--XX", "--XXjunk\r\n" + part + "--XX--",
           "--XX\r\n\r\n1\r\n--XX--", "--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--",
           "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--XX--",
           "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--XX--",
           "--XX\r\nno colon\r\n\r\n1\r\n--XX--", "--XX\r\n\r\n--XX--"}) {
    EXPECT_EQ(CodeOf([&] { Multipart(body); }), ErrorCode::kBadRequest) << body;
  }
  EXPECT_EQ(CodeOf([&] { Multipart(part + "--XX--", ""); }), ErrorCode::kBadRequest);
  std::string many;
  for (size_t i = 0; i <= limits::kMultipartPartsMax; ++i) many += part;
  EXPECT_EQ(CodeOf([&] { Multipart(many + "--XX--"); }), ErrorCode::kBadRequest);
}

TEST(ParseBody, FollowsTheContentType) {
  auto parse = [](std::string_view type, std::string_view body) {
    Params params;
    ParseBody(type, body, params);
    return params;
  };
  EXPECT_EQ(parse("application/json; charset=utf-8", "{\"a\": 1}")["a"].Text(), "1");
  EXPECT_EQ(parse("Application/JSON", "{\"a\": 1}")["a"].Text(), "1");
  EXPECT_EQ(parse("application/x-www-form-urlencoded", "a=1")["a"].Text(), "1");
  EXPECT_EQ(parse("", "a=1")["a"].Text(), "1");
  EXPECT_EQ(parse("multipart/form-data; boundary=\"XX\"",
                  "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--")["a"]
                .Text(),
            "1");
  EXPECT_TRUE(parse("application/activity+json", "{\"a\": 1}").members().empty());
  EXPECT_TRUE(parse("application/json", "").members().empty());
  EXPECT_TRUE(parse("image/png", "").members().empty());
  EXPECT_EQ(CodeOf([&] { parse("image/png", "x"); }), ErrorCode::kUnsupportedMedia);
}

}  // namespace
}  // namespace stampede::net
