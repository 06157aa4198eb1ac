#include "net/page.h"

#include <gtest/gtest.h>

namespace stampede::net {
namespace {

Request Asking(std::string_view query) {
  Request request;
  request.path = "/api/v1/timelines/tag/caf\xc3\xa9";
  ParseUrlEncoded(query, request.params);
  return request;
}

std::string LinkOf(const Reply& reply) {
  for (const auto& [name, value] : reply.headers) {
    if (name == "Link") return value;
  }
  return "";
}

TEST(ParsePage, ReadsCursorsAndClampsTheLimit) {
  Page page = ParsePage(Asking("max_id=9&since_id=2&limit=500"), 20, 40);
  EXPECT_EQ(page.max_id, 9u);
  EXPECT_EQ(page.lower(), 2u);
  EXPECT_FALSE(page.upwards());
  EXPECT_EQ(page.limit, 40u);
  EXPECT_EQ(ParsePage(Asking("limit=-7"), 20, 40).limit, 7u);
  EXPECT_EQ(ParsePage(Asking("limit=-9223372036854775808"), 20, 40).limit, 40u);
  EXPECT_EQ(ParsePage(Asking("limit=0"), 20, 40).limit, 0u);
  EXPECT_EQ(ParsePage(Asking("limit=x"), 20, 40).limit, 20u);
  EXPECT_EQ(ParsePage(Asking(""), 20, 40).limit, 20u);
}

TEST(ParsePage, MinIdWinsOverSinceIdWhereItIsAccepted) {
  Page page = ParsePage(Asking("min_id=5&since_id=2"), 20, 40);
  EXPECT_EQ(page.lower(), 5u);
  EXPECT_TRUE(page.upwards());
  page = ParsePage(Asking("min_id=5&since_id=2"), 20, 40, PrevBy::kSinceId);
  EXPECT_EQ(page.lower(), 2u);
  EXPECT_FALSE(page.upwards());
  EXPECT_TRUE(ParsePage(Asking("min_id=0"), 20, 40).upwards()) << "the oldest page";
}

TEST(ParsePage, WhatIsNoNumberIsIgnored) {
  Page page = ParsePage(Asking("max_id=abc&min_id=&since_id=1x"), 20, 40);
  EXPECT_EQ(page.max_id, UINT64_MAX);
  EXPECT_EQ(page.lower(), 0u);
}

TEST(AddLinks, CarriesTheCursorsTheLimitAndWhatIsKept) {
  Request request = Asking("limit=2&local=true&any[]=a&any[]=b%26&other=x&max_id=50");
  Reply reply;
  AddLinks(reply, request, ParsePage(request, 20, 40), "https://example.org",
           {.newest = 30, .oldest = 10, .keep = {"local", "any", "absent"}});
  EXPECT_EQ(LinkOf(reply),
            "<https://example.org/api/v1/timelines/tag/caf%C3%A9?limit=2&local=true&any%5B%5D=a&"
            "any%5B%5D=b%26&max_id=10>; rel=\"next\", "
            "<https://example.org/api/v1/timelines/tag/caf%C3%A9?limit=2&local=true&any%5B%5D=a&"
            "any%5B%5D=b%26&min_id=30>; rel=\"prev\"");
}

TEST(AddLinks, PrevMayGoBySinceIdAndNextMayBeMissing) {
  Request request = Asking("");
  request.path = "/api/v1/blocks";
  Reply reply;
  AddLinks(reply, request, ParsePage(request, 40, 80), "https://example.org",
           {.newest = 30, .oldest = 10, .more = false, .prev_by = PrevBy::kSinceId});
  EXPECT_EQ(LinkOf(reply), "<https://example.org/api/v1/blocks?since_id=30>; rel=\"prev\"");
}

TEST(AddLinks, AnEmptyPageHasNone) {
  Reply reply;
  AddLinks(reply, Asking(""), {}, "https://example.org", {});
  EXPECT_EQ(LinkOf(reply), "");
}

TEST(Request, CookiesAreFoundInAllLines) {
  Request request;
  request.headers = {{"cookie", "a=1; session=\"x=y\";b=2"}, {"cookie", "c=3"}};
  EXPECT_EQ(request.Cookie("session"), "x=y");
  EXPECT_EQ(request.Cookie("b"), "2");
  EXPECT_EQ(request.Cookie("c"), "3");
  EXPECT_EQ(request.Cookie("sess"), std::nullopt);
}

}  // namespace
}  // namespace stampede::net
