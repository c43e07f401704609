#include "base/id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly {
namespace {

constexpr std::array<std::uint8_t, 6> no_bits{};
constexpr std::array<std::uint8_t, 6> all_bits{255, 255, 255, 255, 255, 255};
const std::string hex_digits = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b";
const std::string dashed_digits = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

/// Between 1970 and the year 3000: where a server can be.
Time any_instant() { return service_time(*rc::gen::inRange<std::int64_t>(0, 32'503'680'000'000'000)); }

TEST(Uuid, IsOfVersionSevenAndCarriesItsMillisecond) {
  const auto uuid = make_uuid(service_time(0x0190'a1b2'c3d4 * 1000LL), 0, no_bits);

  EXPECT_EQ(hex(uuid), "0190a1b2c3d470008000000000000000");
}

TEST(Uuid, HasTwoSpellingsThatMeanTheSame) {
  const auto one = parse_uuid(hex_digits);
  const auto other = parse_uuid(dashed_digits);

  ASSERT_TRUE(one && other);
  EXPECT_EQ(*one, *other);
  EXPECT_EQ(hex(*one), hex_digits);
  EXPECT_EQ(dashed(*one), dashed_digits);
}

TEST(Uuid, IsReadInEitherCaseAndWrittenInLowerCase) {
  const auto uuid = parse_uuid("0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B");

  ASSERT_TRUE(uuid);
  EXPECT_EQ(hex(*uuid), hex_digits);
}

TEST(Uuid, IsNothingElse) {
  const std::string_view malformed[] = {
      "",
      "0",
      "0190a1b2c3d47e5f8a9b0c1d2e3f4a5",         // a digit short
      "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b0",       // a digit long
      "0190a1b2c3d47e5f8a9b0c1d2e3f4a5g",        // no digit
      "0190a1b2c3d47e5f8a9b0c1d2e3f4a5 ",
      "0190a1b2-c3d4-7e5f-8a9b0c1d2e3f4a5b",     // a hyphen short
      "0190a1b2-c3d4-7e5f-8a9b0-c1d2e3f4a5b",    // a hyphen in a wrong place
      "0190a1b2_c3d4_7e5f_8a9b_0c1d2e3f4a5b",
      "{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a}",
      "--------------------------------",
  };
  for (const auto text : malformed) EXPECT_FALSE(parse_uuid(text)) << '"' << text << '"';
}

RC_GTEST_PROP(Uuid, RoundTripsThroughBothSpellings, ()) {
  Uuid uuid;
  for (auto& byte : uuid.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();

  RC_ASSERT(parse_uuid(hex(uuid)) == uuid);
  RC_ASSERT(parse_uuid(dashed(uuid)) == uuid);
}

RC_GTEST_PROP(Uuid, SortsByTheMicrosecondItWasMadeIn, ()) {
  const Time early = any_instant();
  const Time late = early + Duration(*rc::gen::inRange<std::int64_t>(1, 5'000));

  // Neither a sequence nor chance may turn the order of two instants round.
  RC_ASSERT(hex(make_uuid(early, 0x3fff, all_bits)) < hex(make_uuid(late, 0, no_bits)));
}

RC_GTEST_PROP(Uuid, SortsWithinOneInstantBySequence, ()) {
  const Time instant = any_instant();
  const auto first = *rc::gen::inRange<std::uint16_t>(0, 0x3fff);

  RC_ASSERT(hex(make_uuid(instant, first, all_bits)) < hex(make_uuid(instant, first + 1, no_bits)));
}

TEST(Id, HoldsItsUuidWhichNeedsNoColumnOfItsOwn) {
  const auto uuid = make_uuid(service_time(1'790'000'000'123'456), 7, all_bits);

  for (const std::string prefix : {"sbx_", "arc_", "clt_", "a_longer_prefix_"})
    EXPECT_EQ(uuid_in(prefix + hex(uuid)), uuid) << prefix;
}

TEST(Id, WithoutAUuidHasNone) {
  const std::string malformed[] = {
      "", "_", "sbx_", hex_digits, "sbx_" + dashed_digits, "sbx_" + hex_digits + "0", "sbx-" + hex_digits,
      "sbx_" + hex_digits.substr(1), "sbx_" + hex_digits + "_", "sbx_zz" + hex_digits.substr(2),
      "sbx_0192A3b4c5d67e8f9a0b1c2d3e4f5061",
  };
  for (const auto& text : malformed) EXPECT_FALSE(uuid_in(text)) << '"' << text << '"';
}

RC_GTEST_PROP(Incarnation, RoundTripsThroughItsName, ()) {
  // An instance name is the user's own business as long as it is not empty: hyphens and digits must not confuse.
  const auto instance = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', '7', '-', 'f')));
  const auto uid = make_uuid(any_instant(), 3, all_bits);
  const Incarnation incarnation{instance, uid, *rc::gen::inRange(0, 1'000'000)};

  RC_ASSERT(parse_incarnation(to_string(incarnation)) == incarnation);
}

TEST(Incarnation, IsNotReadFromANameOfAnotherForm) {
  const std::string malformed[] = {
      "",
      "-",
      "abc",
      hex_digits + "-1",                        // no instance
      "-" + hex_digits + "-1",                  // an empty one
      "abc-" + hex_digits,                      // no generation
      "abc-" + hex_digits + "-",
      "abc-" + hex_digits + "-x",
      "abc-" + hex_digits + "-1x",
      "abc-" + hex_digits + "- 1",
      "abc-" + hex_digits + "--1",              // a negative one
      "abc-" + hex_digits + "-007",             // another spelling of 7
      "abc-" + hex_digits + "-00",
      "abc-" + hex_digits + "-+7",
      "abc-" + hex_digits + "-99999999999",     // more than a generation can be
      "abc-" + hex_digits.substr(1) + "-1",
      "abc_" + hex_digits + "-1",
      "abc-" + dashed_digits + "-1",
  };
  for (const auto& text : malformed) EXPECT_FALSE(parse_incarnation(text)) << '"' << text << '"';
}

}  // namespace
}  // namespace mayfly
