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

TEST(LifetimeGrace, IsNotLostByUse) {
  const Downtime down{birth + 100s, birth + 400s};
  auto life = running({.idle = 150s});
  ASSERT_EQ(lifetime::due(life, after(401s), down)->at, birth + 460s);

  lifetime::touch(life, Activity::exec, birth + 401s, after(401s), down);
  EXPECT_EQ(life.expires_at, birth + 551s) << "an idle time that begins anew ends later than the grace";

  life = running({.idle = 20s});
  life.active_at = birth + 90s;
  lifetime::touch(life, Activity::exec, birth + 405s, after(405s), down);
  EXPECT_EQ(life.expires_at, birth + 460s) << "this one would end sooner, and somebody was told of the grace";
  EXPECT_EQ(lifetime::due(life, after(410s), {})->at, birth + 460s) << "nor does the next start take it back";

  lifetime::touch(life, Activity::exec, birth + 455s, after(455s), down);
  EXPECT_EQ(life.expires_at, birth + 475s);
}

}  // namespace
}  // namespace mayfly
