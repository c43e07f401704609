#include "base/time.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly {
namespace {

std::string understood(std::string_view text) {
  const auto time = parse_wall_time(text);
  return time ? format(*time) : std::string(name(time.error().code));
}

TEST(WallTime, IsReadAsRfc3339) {
  const struct {
    std::string_view text, means;
  } table[] = {
      {"2026-11-21T10:30:00Z", "2026-11-21T10:30:00.000000Z"},
      {"2026-11-21t10:30:00z", "2026-11-21T10:30:00.000000Z"},
      {"2026-11-21 10:30:00Z", "2026-11-21T10:30:00.000000Z"},
      {"2026-11-21T10:30:00.5Z", "2026-11-21T10:30:00.500000Z"},
      {"2026-11-21T10:30:00.123456Z", "2026-11-21T10:30:00.123456Z"},
      {"2026-11-21T10:30:00.123456999Z", "2026-11-21T10:30:00.123456Z"},   // cut, not rounded
      {"2026-11-21T10:30:00.000001Z", "2026-11-21T10:30:00.000001Z"},
      // Offsets, over midnight and new year too.
      {"2026-11-21T10:30:00+00:00", "2026-11-21T10:30:00.000000Z"},
      {"2026-11-21T10:30:00-00:00", "2026-11-21T10:30:00.000000Z"},
      {"2026-11-21T10:30:00+05:45", "2026-11-21T04:45:00.000000Z"},
      {"2026-11-21T23:30:00-08:00", "2026-11-22T07:30:00.000000Z"},
      {"2027-01-01T00:30:00+01:00", "2026-12-31T23:30:00.000000Z"},
      {"2026-11-21T10:30:00+23:59", "2026-11-20T10:31:00.000000Z"},
      // Leap days and seconds.
      {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z"},
      {"2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
      // The ends of what four digits can say.
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
      {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
      {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
  };
  for (const auto& row : table) EXPECT_EQ(understood(row.text), row.means) << row.text;
}

TEST(WallTime, RefusesWhatIsNoTime) {
  const std::string_view table[] = {
      "", "now", "1790000000", "2026-11-21", "10:30:00Z",
      "2026-11-21T10:30:00",              // no offset: whose ten o'clock?
      "2026-11-21T10:30Z",
      "2026-11-21T10:30:00.Z",
      "2026-11-21T10:30:00.1234567890Z",  // ten digits
      "2026-11-21T10:30:00,5Z",
      "2026-11-21T10:30:00Z ",
      " 2026-11-21T10:30:00Z",
      "2026-11-21T10:30:00ZZ",
      "2026-11-21_10:30:00Z",
      "2026-11-21T10:30:00+0100",
      "2026-11-21T10:30:00+1:00",
      "2026-11-21T10:30:00+24:00",
      "2026-11-21T10:30:00+01:60",
      "2026-11-21T10:30:00+",
      "2026-11-21T24:00:00Z",
      "2026-11-21T10:60:00Z",
      "2026-11-21T10:30:61Z",
      "2026-00-21T10:30:00Z",
      "2026-13-21T10:30:00Z",
      "2026-11-00T10:30:00Z",
      "2026-11-31T10:30:00Z",
      "2023-02-29T12:00:00Z",             // no leap year
      "1900-02-29T12:00:00Z",             // nor this
      "-026-11-21T10:30:00Z",
      "+2026-11-21T10:30:00Z",
      "12026-11-21T10:30:00Z",
      "226-11-21T10:30:00Z",
      "2026-1l-21T10:30:00Z",
      "2026-11-21T10:30:00\xE2\x88\x92" "01:00",  // a typographic minus
      "9999-12-31T23:59:59-00:01",        // the year 10000
      "9999-12-31T23:59:60Z",
      "0000-01-01T00:00:00+00:01",        // and the one before 0
  };
  for (const auto text : table) EXPECT_EQ(understood(text), "invalid") << '"' << text << '"';
  EXPECT_EQ(understood(std::string_view("2026-11-21T10:30:00Z\0", 21)), "invalid");
}

TEST(WallTime, RefusalsQuoteOnlyTheBeginningOfWhatTheyGot) {
  const auto refused = parse_wall_time(std::string(10'000, 'x'));

  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().message.size(), 200u);
}

RC_GTEST_PROP(WallTime, IsReadBackAsItWasWritten, ()) {
  // From the first to the last microsecond that four digits of a year can say.
  const auto us = *rc::gen::inRange<std::int64_t>(-62'135'596'800'000'000, 253'402'300'799'999'999);
  const auto time = wall_time(us);

  const auto again = parse_wall_time(format(time));

  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == time);
}

RC_GTEST_PROP(WallTime, IsTheSameInstantUnderEveryOffset, ()) {
  const auto time = wall_time(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000) * 1'000'000);
  const int minutes = *rc::gen::inRange(-1439, 1440);
  char offset[8];
  std::snprintf(offset, sizeof offset, "%c%02d:%02d", minutes < 0 ? '-' : '+', std::abs(minutes) / 60 % 24,
                std::abs(minutes) % 60);
  const auto local = format(time + std::chrono::minutes(minutes));

  RC_ASSERT(parse_wall_time(local.substr(0, local.size() - 1) + offset) == time);
}

TEST(ServiceTime, IsWrittenLikeWallTime) {
  EXPECT_EQ(format(service_time(0)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format(service_time(1'790'000'000'000'007)), "2026-09-21T14:13:20.000007Z");
}

TEST(FromSeconds, TakesFractionsAndRefusesWhatNobodyMeans) {
  EXPECT_EQ(from_seconds(1.5), Duration(1'500'000));
  EXPECT_EQ(from_seconds(0.0000005), Duration(1));  // rounded to the microsecond
  EXPECT_EQ(from_seconds(-2), Duration(-2'000'000));
  EXPECT_EQ(from_seconds(0), Duration(0));

  EXPECT_FALSE(from_seconds(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(from_seconds(-std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(from_seconds(std::nan("")));
  EXPECT_FALSE(from_seconds(1e300));
  EXPECT_FALSE(from_seconds(4e9));  // more than a century
  EXPECT_TRUE(from_seconds(3e9));
}

TEST(Human, SaysDurationsInTwoUnitsAtMost) {
  const struct {
    Duration duration;
    std::string_view says;
  } table[] = {
      {0s, "0ms"},
      {4ms, "4ms"},
      {Duration(1'234), "1.23ms"},
      {Duration(999'700), "1s"},
      {1s, "1s"},
      {12'300ms, "12.3s"},
      {60s, "1m 00s"},
      {61s, "1m 01s"},
      {1h, "1h 00m"},
      {3h + 20min + 59s, "3h 20m"},
      {49h, "2d 01h"},
      {-90s, "-1m 30s"},
  };
  for (const auto& row : table) EXPECT_EQ(human(row.duration), row.says) << row.duration.count();
}

}  // namespace
}  // namespace mayfly
