#include "base/failpoint.h"

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

// A release build contains nothing of this, so there is nothing to test in it.
#ifdef MAYFLY_TEST_BUILD

namespace mayfly {
namespace {

void passes_two_places() {
  FAILPOINT("test.first");
  FAILPOINT("test.second");
}

void passes_three_times_and_leaves() {
  for (int pass = 0; pass < 3; ++pass) passes_two_places();
  std::_Exit(0);
}

void runs_armed(const char* wish) {
  ::setenv("MAYFLY_FAILPOINT", wish, 1);
  passes_three_times_and_leaves();
}

TEST(Failpoint, EveryNameIsListedWhetherOrNotItWasReached) {
  const auto names = failpoint::names();

  EXPECT_EQ(names, (std::vector<std::string_view>{"test.first", "test.second"}));
}

TEST(Failpoint, PassesUnharmedUnlessArmed) {
  passes_two_places();

  SUCCEED();
}

TEST(FailpointDeathTest, KillsTheProcessAtTheNamedPlace) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";

  EXPECT_EXIT(runs_armed("test.second"), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(runs_armed("test.first:3"), testing::KilledBySignal(SIGKILL), "");
}

TEST(FailpointDeathTest, LeavesEveryOtherPlaceAlone) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";

  EXPECT_EXIT(runs_armed("test.first:4"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(runs_armed("test"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(runs_armed(""), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace mayfly

#endif
