#include "cli/interrupt.h"

#include <csignal>
#include <cstdio>

#include <gtest/gtest.h>
#include <unistd.h>

namespace mayfly::cli {

namespace {

[[noreturn]] void be_ended_by(int signal) {
  const OnInterrupt guard([] { std::fputs("the last act", stderr); });
  ::kill(::getpid(), signal);
  for (;;) ::pause();
}

}  // namespace

TEST(OnInterruptDeathTest, RunsTheLastActAndExitsAsTheSignalWould) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(be_ended_by(SIGINT), testing::ExitedWithCode(130), "the last act");
  EXPECT_EXIT(be_ended_by(SIGTERM), testing::ExitedWithCode(143), "the last act");
}

TEST(OnInterrupt, LeavesSignalsAsTheyWere) {
  bool ran = false;
  { const OnInterrupt guard([&] { ran = true; }); }

  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_FALSE(::sigismember(&blocked, SIGINT));
  EXPECT_FALSE(ran);
}

}  // namespace mayfly::cli
