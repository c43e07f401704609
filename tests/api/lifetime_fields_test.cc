#include "api/native/lifetime_fields.h"

#include <gtest/gtest.h>

namespace mayfly::api::native {
namespace {

/// What is wrong with this `at`, or how it is shown again.
std::string read_at(const std::string& at) {
  json::Reader reader(json::object{{"at", at}});
  LifetimePolicy policy;
  read_lifetime(reader, policy);
  const auto read = reader.finish();
  return read ? format(policy.at.value()) : read.error().fields.at(0).expected;
}

TEST(LifetimeFields, TakeEveryInstantThatAnAnswerCanWrite) {
  EXPECT_EQ(read_at("2026-11-21T10:30:00+01:00"), "2026-11-21T09:30:00.000000Z");
  EXPECT_EQ(read_at("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000000Z");
  EXPECT_EQ(read_at("9998-12-31T23:59:59.999999Z"), "9998-12-31T23:59:59.999999Z");
}

TEST(LifetimeFields, RefuseAnInstantBeyondWhatAnAnswerCanWrite) {
  for (const auto* at : {"9999-01-01T00:00:00Z", "9998-12-31T23:59:60Z", "0000-06-01T00:00:00Z"})
    EXPECT_EQ(read_at(at), "a time from the years 0001 to 9998") << at;
  for (const auto* at : {"9999-12-31T23:59:60Z", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"})
    EXPECT_EQ(read_at(at), "an RFC 3339 time with an offset, such as 2026-11-21T10:30:00Z") << at;
  EXPECT_EQ(read_at("tomorrow"), "an RFC 3339 time with an offset, such as 2026-11-21T10:30:00Z");
}

TEST(LifetimeFields, ALeapSecondIsTheFirstInstantAfterIt) {
  EXPECT_EQ(read_at("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000000Z");
}

TEST(LifetimeFields, ALimitMayComeFirst) {
  json::Reader reader(R"({"max_age_seconds":60,"limit_seconds":10,"at":null})");
  LifetimePolicy policy;
  policy.at = wall_time(1);

  read_lifetime(reader, policy);

  ASSERT_TRUE(reader.finish());
  EXPECT_EQ(policy.limit, Duration(10s)) << "the earliest deadline wins";
  EXPECT_EQ(policy.at, std::nullopt);
}

}  // namespace
}  // namespace mayfly::api::native
