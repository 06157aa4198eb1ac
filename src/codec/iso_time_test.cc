#include "codec/iso_time.h"

#include <gtest/gtest.h>

namespace stampede::codec {
namespace {

TEST(IsoTime, IsUtcWithMilliseconds) {
  EXPECT_EQ(IsoTime(1'700'000'000'007), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(IsoTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(IsoTime(-1), "1969-12-31T23:59:59.999Z");
}

TEST(IsoTime, DatesAndMidnightsCutTheTimeOff) {
  EXPECT_EQ(IsoDate(1'700'000'000'007), "2023-11-14");
  EXPECT_EQ(IsoMidnight(1'700'000'000'007), "2023-11-14T00:00:00.000Z");
  EXPECT_EQ(IsoDate(1'709'208'000'000), "2024-02-29");
}

TEST(IsoTime, HttpDatesFollowRfc9110) {
  EXPECT_EQ(HttpDate(784'111'777'000), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace stampede::codec
