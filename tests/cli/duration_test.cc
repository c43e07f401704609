#include "cli/duration.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly::cli {

TEST(DurationOfText, TakesWhatPeopleType) {
  const std::pair<const char*, Duration> rows[] = {
      {"90", 90s},     {"90s", 90s},           {"15m", 15min},         {"2h", 2h},         {"7d", 168h},
      {"1w", 168h},    {"500ms", 500ms},       {"1h30m", 90min},       {"1.5h", 90min},    {"0", 0s},
      {"0.5", 500ms},  {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},         {"3660d", 87840h},
  };
  for (const auto& [text, wanted] : rows) {
    const auto read = parse_duration(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, wanted) << text;
  }
}

TEST(DurationOfText, RefusesWhatMayMeanSomethingElse) {
  for (const char* text : {"", " ", "s", "-5", "5 m", "5x", "1h30", "30m1", "1..5s", "1e3", "inf", "nan", "5M", "never",
                           "99999d", "99999999999999999999999999", "1h-5m", "0x10", "."}) {
    const auto read = parse_duration(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::invalid);
  }
}

RC_GTEST_PROP(DurationOfText, EverySecondIsReadBack, ()) {
  const auto seconds = *rc::gen::inRange(0, 10 * 366 * 86400);

  const auto read = parse_duration(std::to_string(seconds) + "s");

  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == std::chrono::seconds(seconds));
}

RC_GTEST_PROP(DurationOfText, NothingMakesItFall, (const std::string& text)) {
  const auto read = parse_duration(text);
  RC_ASSERT(!read || *read >= Duration::zero());
}

}  // namespace mayfly::cli
