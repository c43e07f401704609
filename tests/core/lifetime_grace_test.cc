#include <gtest/gtest.h>

#include "core/lives.h"

namespace mayfly {
namespace {

TEST(LifetimeGrace, IsOwedToWhatFellDueWhileNobodyCouldRenewIt) {
  const Downtime down{birth + 100s, birth + 400s};
  const auto now = after(400s);
  const auto owed = [&](const Clocks& clocks) { return lifetime::in_grace(running(clocks), now, down); };

  EXPECT_TRUE(owed({.max_age = 100s}));
  EXPECT_TRUE(owed({.idle = 399s}));
  EXPECT_FALSE(owed({.max_age = 99s})) << "it was due before";
  EXPECT_FALSE(owed({.max_age = 400s})) << "and it is due after";
  EXPECT_FALSE(owed({.at = 200s})) << "an instant of the caller's own is not put off";
  EXPECT_FALSE(owed({.max_age = 200s, .limit = 200s})) << "nor is the limit passed";
  EXPECT_FALSE(owed({})) << "it has no end";
}

}  // namespace
}  // namespace mayfly
