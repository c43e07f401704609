#include <gtest/gtest.h>

#include "core/lives.h"
#include "support/must.h"

namespace mayfly {
namespace {

using lifetime::Extension;

Extension by(Duration seconds) { return {.by = seconds, .until = {}}; }
Extension until(Duration age) { return {.by = {}, .until = wall_after(age)}; }

TEST(LifetimeExtend, AddsToTheDeadlineThatStands) {
  const struct {
    std::string_view what;
    Clocks clocks;
    Extension wish;
    std::string_view expires, clamped;
  } table[] = {
      {"an age", {.max_age = 1h}, by(10min), "1h 10m", "no"},
      {"an idle time", {.idle = 30min}, by(10min), "40m 00s", "no"},
      {"the earlier of two", {.max_age = 1h, .idle = 30min}, by(10min), "40m 00s", "no"},
      {"two, past both", {.max_age = 1h, .idle = 30min}, by(2h), "2h 30m", "no"},
      {"none: from now on", {}, by(10min), "never", "no"},
      {"below the limit", {.max_age = 1h, .limit = 2h}, by(1h), "2h 00m", "no"},
      {"past the limit", {.max_age = 1h, .limit = 2h}, by(3h), "2h 00m", "yes"},
      {"past the instant", {.max_age = 1h, .at = 90min}, by(1h), "1h 30m", "yes"},
      {"past both, the limit first", {.max_age = 1h, .at = 100min, .limit = 90min}, by(1h), "1h 30m", "yes"},
      {"up to an instant", {.max_age = 1h}, until(100min), "1h 40m", "no"},
      {"up to an instant past the limit", {.max_age = 1h, .limit = 90min}, until(100min), "1h 30m", "yes"},
      {"up to an instant past the deadline", {.max_age = 1h, .at = 90min}, until(100min), "1h 30m", "yes"},
      {"up to an instant that is covered", {.max_age = 1h}, until(40min), "1h 00m", "no"},
      {"up to the instant that stands", {.max_age = 1h}, until(1h), "1h 00m", "no"},
  };
  for (const auto& row : table) {
    auto life = running(row.clocks);

    const auto extended = lifetime::extend(life, row.wish, after(10min), never_down);

    ASSERT_TRUE(extended) << row.what << ": " << extended.error().message;
    EXPECT_EQ(age(extended->expires_at), row.expires) << row.what;
    EXPECT_EQ(extended->clamped ? "yes" : "no", row.clamped) << row.what;
    EXPECT_EQ(extended->expires_at, life.expires_at) << row.what;
    EXPECT_EQ(extended->limit_at, life.limit_at) << row.what;
  }
}

TEST(LifetimeExtend, AddsUp) {
  auto life = running({.max_age = 1h});

  must(lifetime::extend(life, by(10min), after(1min), never_down));
  must(lifetime::extend(life, by(10min), after(2min), never_down));
  must(lifetime::extend(life, by(10min), after(3min), never_down));

  EXPECT_EQ(age(life.expires_at), "1h 30m");
}

TEST(LifetimeExtend, RefusesWhatTheLimitLeavesNothingOf) {
  // A client that adds seconds again and again must learn that it has come to the end.
  const struct {
    std::string_view what;
    Clocks clocks;
    Extension wish;
  } table[] = {
      {"the limit is the deadline", {.max_age = 1h, .limit = 1h}, by(1s)},
      {"the limit is all there is", {.limit = 1h}, by(1s)},
      {"the instant is the deadline", {.max_age = 2h, .at = 1h}, by(1s)},
      {"an instant past a limit that is reached", {.max_age = 1h, .limit = 1h}, until(2h)},
      {"nothing", {.max_age = 1h}, by(0s)},
      {"less than nothing", {.max_age = 1h}, by(-10min)},
  };
  for (const auto& row : table) {
    auto life = running(row.clocks);
    const auto before = due_text(life);

    EXPECT_EQ(outcome(lifetime::extend(life, row.wish, after(10min), never_down)), "conflict limit_reached")
        << row.what;

    EXPECT_EQ(due_text(life), before) << row.what;
    EXPECT_FALSE(life.keep_until) << row.what;
  }
}

TEST(LifetimeExtend, IsForWhatRuns) {
  for (int number = 0; number <= static_cast<int>(State::gone); ++number) {
    const auto state = static_cast<State>(number);
    auto life = running({.max_age = 1h});
    life.state = state;

    const auto answer = outcome(lifetime::extend(life, by(10min), after(10min), never_down));

    EXPECT_EQ(answer, state == State::running ? "fine" : "conflict state_" + std::string(name(state)));
  }
}

TEST(LifetimeExtend, ComesTooLateAtTheInstant) {
  auto life = running({.max_age = 1h});
  auto in_time = life;

  EXPECT_EQ(outcome(lifetime::extend(life, by(10min), after(1h), never_down)), "conflict expired");
  EXPECT_EQ(outcome(lifetime::extend(in_time, by(10min), after(1h - 1us), never_down)), "fine");
}

TEST(LifetimeExtend, IsAUseAndRaisesAFloorUnderTheIdleClock) {
  auto life = running({.idle = 5min});

  must(lifetime::extend(life, by(20min), after(4min), never_down));

  EXPECT_EQ(life.active_by, Activity::keepalive);
  EXPECT_EQ(life.active_at, birth + 4min);
  EXPECT_EQ(age(life.expires_at), "25m 00s");

  lifetime::touch(life, Activity::exec, birth + 6min, after(6min), never_down);
  EXPECT_EQ(age(life.expires_at), "25m 00s") << "a use later on must not shorten what was promised";

  lifetime::touch(life, Activity::exec, birth + 24min, after(24min), never_down);
  EXPECT_EQ(age(life.expires_at), "29m 00s");
}

TEST(LifetimeExtend, ToAnInstantThatIsCoveredChangesNothing) {
  auto life = running({.max_age = 1h, .idle = 45min});

  const auto extended = must(lifetime::extend(life, until(40min), after(10min), never_down));

  EXPECT_EQ(age(extended.expires_at), "45m 00s");
  EXPECT_FALSE(extended.clamped);
  EXPECT_EQ(due_text(life), "45m 00s idle delete") << "it is no use, or the idle clock would begin again";
  EXPECT_EQ(life.active_at, birth);
  EXPECT_FALSE(life.keep_until);
}

TEST(LifetimeExtend, LeavesWakeAtWhereItIsBecauseItIsIndexed) {
  auto life = running({.max_age = 1h});

  must(lifetime::extend(life, by(10h), after(10min), never_down));

  EXPECT_EQ(age(life.expires_at), "11h 00m");
  EXPECT_EQ(age(life.wake_at), "1h 00m");
}

TEST(LifetimeExtend, AfterAPauseIsStillPromised) {
  auto life = running({.max_age = 1h});
  must(lifetime::extend(life, by(1h), after(10min), never_down));
  lifetime::halt(life, State::paused, 24h, after(20min), never_down);

  lifetime::run(life, State::running, after(80min), never_down);

  EXPECT_EQ(age(life.expires_at), "3h 00m") << "two hours, and the hour it was paused";
}

TEST(LifetimeExtend, OfAnInstantFollowsTheWallClockOnce) {
  // "Until 17:00" is turned into a promise of running time when it is given.
  auto life = running({.max_age = 1h});

  must(lifetime::extend(life, until(2h), after(10min, 30min), never_down));

  EXPECT_EQ(age(life.expires_at), "1h 30m");
}

TEST(LifetimeExtendDeathTest, WantsExactlyOneOfTheTwo) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto life = running({.max_age = 1h});

  EXPECT_DEATH((void)lifetime::extend(life, {}, after(0s), never_down), "CHECK");
  EXPECT_DEATH((void)lifetime::extend(life, {.by = 1s, .until = wall_after(2h)}, after(0s), never_down), "CHECK");
}

/// The server was away from minute 30 to minute 40.
constexpr Downtime away{birth + 30min, birth + 40min};

TEST(LifetimeGrace, IsForDeadlinesThatFellIntoTheWindow) {
  const struct {
    std::string_view what;
    Clocks clocks;
    std::string_view due;
  } table[] = {
      {"just before it", {.max_age = 30min - 1us}, "29m 59s max_age delete"},
      {"at its beginning", {.max_age = 30min}, "41m 00s max_age delete"},
      {"in it", {.max_age = 35min}, "41m 00s max_age delete"},
      {"an idle time in it", {.idle = 35min}, "41m 00s idle delete"},
      {"its last moment", {.max_age = 40min - 1us}, "41m 00s max_age delete"},
      {"at its end", {.max_age = 40min}, "40m 00s max_age delete"},
      {"after it", {.max_age = 45min}, "45m 00s max_age delete"},
      {"an instant is what somebody named", {.at = 35min}, "35m 00s at delete"},
      {"never past the limit", {.max_age = 35min, .limit = 40min + 20s}, "40m 20s max_age delete"},
      {"a limit that was reached in it", {.max_age = 35min, .limit = 35min}, "35m 00s max_age delete"},
      {"a limit alone", {.limit = 35min}, "35m 00s max_age delete"},
      {"the one that fell into it, and one that comes sooner", {.max_age = 40min + 30s, .idle = 35min},
       "40m 30s max_age delete"},
  };
  for (const auto& row : table)
    EXPECT_EQ(due_text(running(row.clocks), after(40min), away), row.due) << row.what;
}

TEST(LifetimeGrace, IsTimeToRenew) {
  auto life = running({.max_age = 35min});

  must(lifetime::extend(life, by(1h), after(40min + 30s), away));

  EXPECT_EQ(age(life.expires_at), "1h 41m");
}

TEST(LifetimeGrace, IsNotEndedByAnExtensionThatItCoversAlready) {
  auto life = running({.max_age = 35min});

  const auto extended = must(lifetime::extend(life, until(40min + 30s), after(40min + 10s), away));

  EXPECT_EQ(age(extended.expires_at), "41m 00s");
  EXPECT_EQ(due_text(life, after(40min + 10s), away), "41m 00s max_age delete");
  EXPECT_FALSE(life.keep_until) << "a grace is computed and never written";
}

/// When it would end what fell due that long after birth: "41m 00s", or as it stands.
std::string put_off(Duration due, const Downtime& down) {
  return age(lifetime::due(running({.max_age = due}), after(due), down)->at);
}

TEST(LifetimeGrace, GoesOnAfterARestartWithWhatWasLeftOfIt) {
  // Away from 30 to 40, up for 20 seconds, away for 5 minutes.
  const auto again = lifetime::next_downtime(away, birth + 40min + 20s, birth + 45min + 20s);

  EXPECT_EQ(put_off(35min, again), "46m 00s") << "40 seconds were left";
  EXPECT_EQ(put_off(40min + 10s, again), "40m 10s") << "it fell due while the server was up";
  EXPECT_EQ(put_off(44min, again), "46m 20s") << "a whole minute for what the second has taken";
}

TEST(LifetimeGrace, IsNoLongerOwedAfterAMinuteOfService) {
  auto down = away;
  Time up = birth + 40min;
  for (int life = 0; life < 3; ++life) {
    EXPECT_NE(put_off(35min, down), "35m 00s") << life;
    down = lifetime::next_downtime(down, up + 20s, up + 30s);
    up += 30s;
  }

  EXPECT_EQ(put_off(35min, down), "35m 00s");
}

TEST(LifetimeGrace, IsNotUsedUpByALifeThatLeftNoSign) {
  // It died before it wrote down when it was last seen.
  const auto again = lifetime::next_downtime(away, birth + 30min, birth + 50min);

  EXPECT_EQ(put_off(35min, again), "51m 00s");
  EXPECT_EQ(put_off(45min, again), "51m 00s");
}

TEST(LifetimeGrace, OfOneThatWasNeverOverBeginsWhenItIs) {
  auto unknown = away;
  unknown.until = away.from;
  unknown.over = false;

  const auto again = lifetime::next_downtime(unknown, birth + 2h, birth + 3h);

  EXPECT_TRUE(again.over);
  EXPECT_EQ(put_off(35min, again), "3h 01m");
  EXPECT_EQ(put_off(150min, again), "3h 01m");
}

TEST(LifetimeGrace, IsRememberedOfSoManyDowntimesAndNoMore) {
  Downtime down = away;
  Time up = birth + 40min;
  for (int life = 0; life < 1000; ++life, up += 2ms) down = lifetime::next_downtime(down, up + 1ms, up + 2ms);

  EXPECT_LE(down.owed.size(), 100u);
  EXPECT_EQ(put_off(35min, down), age(birth + 40min + 2s + 59s)) << "a second of service was used up";
}

TEST(LifetimeGrace, WaitsForTheEndOfTheDowntime) {
  auto life = running({.max_age = 35min});
  Downtime unknown{birth + 30min, birth + 30min, {}, false};

  EXPECT_FALSE(lifetime::expired(life, after(10h), unknown));
  EXPECT_EQ(age(must(lifetime::extend(life, by(1h), after(10h), unknown)).expires_at), "11h 00m");
}

TEST(LifetimeGrace, DoesNotRepeatItself) {
  const auto life = running({.max_age = 35min});

  EXPECT_FALSE(lifetime::expired(life, after(41min - 1us), away));
  EXPECT_TRUE(lifetime::expired(life, after(41min), away));
}

}  // namespace
}  // namespace mayfly
