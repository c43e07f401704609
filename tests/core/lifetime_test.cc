#include <gtest/gtest.h>

#include "core/lives.h"
#include "core/sandbox.h"
#include "support/must.h"

namespace mayfly {
namespace {

TEST(Lifetime, TheEarliestClockDecides) {
  const struct {
    std::string_view what;
    Clocks clocks;
    std::string_view due;
  } table[] = {
      {"none", {}, "never"},
      {"an age", {.max_age = 1h}, "1h 00m max_age delete"},
      {"an idle time", {.idle = 5min}, "5m 00s idle delete"},
      {"an instant", {.at = 2h}, "2h 00m at delete"},
      {"a limit alone is an age", {.limit = 3h}, "3h 00m max_age delete"},
      {"age before idle", {.max_age = 4min, .idle = 5min}, "4m 00s max_age delete"},
      {"idle before age", {.max_age = 6min, .idle = 5min}, "5m 00s idle delete"},
      {"the instant before both", {.max_age = 6min, .idle = 5min, .at = 3min}, "3m 00s at delete"},
      {"both before the instant", {.max_age = 6min, .idle = 5min, .at = 9min}, "5m 00s idle delete"},
      {"the limit cuts the age", {.max_age = 2h, .limit = 1h}, "1h 00m max_age delete"},
      {"the limit cuts the idle time", {.idle = 2h, .limit = 1h}, "1h 00m max_age delete"},
      {"a limit that is not reached", {.max_age = 1h, .limit = 2h}, "1h 00m max_age delete"},
      {"an instant in the past is due", {.at = -1h}, "-1h 00m at delete"},
      {"an age of nothing is due", {.max_age = 0s}, "0ms max_age delete"},
  };
  for (const auto& row : table) EXPECT_EQ(due_text(running(row.clocks)), row.due) << row.what;
}

TEST(Lifetime, EachTriggerHasItsOwnAction) {
  auto policy = policy_of({.max_age = 3h, .idle = 1h, .at = 2h});
  policy.actions = {ExpiryAction::stop, ExpiryAction::pause, ExpiryAction::remove};
  EXPECT_EQ(due_text(running_under(policy)), "1h 00m idle pause");

  policy.idle.reset();
  EXPECT_EQ(due_text(running_under(policy)), "2h 00m at delete");

  policy.at.reset();
  EXPECT_EQ(due_text(running_under(policy)), "3h 00m max_age stop");
}

TEST(Lifetime, IsOverAtTheInstantAndNotBefore) {
  const auto life = running({.max_age = 1h});

  EXPECT_FALSE(lifetime::expired(life, after(1h - 1us), never_down));
  EXPECT_TRUE(lifetime::expired(life, after(1h), never_down));
}

TEST(Lifetime, WhatIsDeletedHasNoDeadline) {
  for (const auto state : {State::deleting, State::gone}) {
    auto life = running({.max_age = 1h, .idle = 1h, .at = 1h});

    lifetime::end(life, state);

    EXPECT_EQ(due_text(life, after(2h)), "never") << name(state);
    EXPECT_FALSE(life.wake_at || life.expires_at);
  }
}

TEST(LifetimeTouch, MovesTheIdleClockAndOnlyThat) {
  auto life = running({.max_age = 1h, .idle = 5min});

  lifetime::touch(life, Activity::exec, birth + 3min, after(4min), never_down);

  EXPECT_EQ(due_text(life), "8m 00s idle delete");
  EXPECT_EQ(life.active_by, Activity::exec);
  EXPECT_EQ(age(life.wake_at), "5m 00s") << "an index that a use moved would cost a write each";
}

TEST(LifetimeTouch, NeverMovesBackwards) {
  auto life = running({.idle = 5min});
  lifetime::touch(life, Activity::file, birth + 3min, after(3min), never_down);

  lifetime::touch(life, Activity::exec, birth + 1min, after(4min), never_down);

  EXPECT_EQ(life.active_at, birth + 3min);
  EXPECT_EQ(life.active_by, Activity::file);
  EXPECT_EQ(age(life.expires_at), "8m 00s");
}

TEST(LifetimeHalt, StopsTheRelativeClocksAndBeginsARetention) {
  auto life = running({.max_age = 1h, .idle = 5min});

  lifetime::halt(life, State::paused, halted_retention, after(2min), never_down);

  EXPECT_EQ(due_text(life, after(10h)), "7d 00h retention delete");
  EXPECT_FALSE(lifetime::expired(life, after(7 * 24h), never_down)) << "counted from the pause";
  EXPECT_TRUE(lifetime::expired(life, after(7 * 24h + 2min), never_down));
}

TEST(LifetimeHalt, HaltedAgainKeepsWhenItBegan) {
  auto life = running({.max_age = 1h});
  lifetime::halt(life, State::paused, 24h, after(10min), never_down);

  lifetime::halt(life, State::stopping, 24h, after(20min), never_down);

  EXPECT_EQ(age(life.expires_at), human(24h + 10min));
}

TEST(LifetimeHalt, AnInstantStillEndsWhatIsHalted) {
  auto life = running({.at = 1h});

  lifetime::halt(life, State::paused, halted_retention, after(2min), never_down);

  EXPECT_EQ(due_text(life), "1h 00m at delete");
}

TEST(LifetimeHalt, AnInstantWhoseActionIsDoneGivesWayToTheRetention) {
  // Stopped at 17:00 because it said so: at 17:01 there is nothing left of that to do, and the retention must count.
  const struct {
    ExpiryAction action;
    State state;
    std::string_view due;
  } table[] = {
      {ExpiryAction::pause, State::pausing, "7d 01h retention delete"},
      {ExpiryAction::pause, State::paused, "7d 01h retention delete"},
      {ExpiryAction::pause, State::stopping, "7d 01h retention delete"},
      {ExpiryAction::pause, State::stopped, "7d 01h retention delete"},
      {ExpiryAction::pause, State::failed, "7d 01h retention delete"},
      {ExpiryAction::stop, State::pausing, "1h 00m at stop"},
      {ExpiryAction::stop, State::paused, "1h 00m at stop"},
      {ExpiryAction::stop, State::resuming, "1h 00m at stop"},
      {ExpiryAction::stop, State::stopping, "7d 01h retention delete"},
      {ExpiryAction::stop, State::stopped, "7d 01h retention delete"},
      {ExpiryAction::stop, State::failed, "7d 01h retention delete"},
      {ExpiryAction::remove, State::paused, "1h 00m at delete"},
      {ExpiryAction::remove, State::stopped, "1h 00m at delete"},
  };
  for (const auto& row : table) {
    auto policy = policy_of({.at = 1h});
    policy.actions.fill(row.action);
    auto life = running_under(policy);

    lifetime::halt(life, row.state, halted_retention, after(1h), never_down);

    EXPECT_EQ(due_text(life, after(1h)), row.due) << name(row.action) << " " << name(row.state);
  }
}

TEST(LifetimeRun, LetsTheClocksGoOnFromWhereTheyStood) {
  auto life = running({.max_age = 1h, .limit = 2h});
  lifetime::halt(life, State::paused, halted_retention, after(20min), never_down);

  lifetime::run(life, State::running, after(20min + 10h), never_down);

  EXPECT_EQ(due_text(life), "11h 00m max_age delete") << "40 of its 60 minutes were left";
  EXPECT_EQ(age(life.limit_at), "12h 00m");
  EXPECT_FALSE(life.halted_at || life.retention);
}

TEST(LifetimeRun, IsAUse) {
  auto life = running({.idle = 5min});
  lifetime::halt(life, State::paused, halted_retention, after(4min), never_down);

  lifetime::run(life, State::running, after(1h), never_down);

  EXPECT_EQ(due_text(life), "1h 05m idle delete");
}

TEST(LifetimeRun, GivesAClockThatHadRunOutItsWholeSpanAgain) {
  auto life = running({.max_age = 1h});
  lifetime::halt(life, State::stopping, halted_retention, after(1h), never_down);

  lifetime::run(life, State::starting, after(5h), never_down);

  EXPECT_EQ(due_text(life), "6h 00m max_age delete") << "or a start would end at once";
}

TEST(LifetimeRun, GivesNoMoreThanTheLimitLeaves) {
  auto life = running({.max_age = 1h, .limit = 90min});
  lifetime::halt(life, State::stopping, halted_retention, after(1h), never_down);

  lifetime::run(life, State::starting, after(5h), never_down);

  EXPECT_EQ(due_text(life), "5h 30m max_age delete") << "30 minutes were left below the limit";
}

TEST(LifetimeRun, WhoseLimitIsReachedEndsAtOnce) {
  auto life = running({.max_age = 1h, .limit = 1h});
  lifetime::halt(life, State::stopping, halted_retention, after(1h), never_down);

  lifetime::run(life, State::starting, after(5h), never_down);

  EXPECT_TRUE(lifetime::expired(life, after(5h), never_down));
}

TEST(LifetimeRun, OfWhatNeverHaltedChangesNothing) {
  auto life = running({.max_age = 1h, .idle = 5min});

  lifetime::run(life, State::running, after(2min), never_down);

  EXPECT_EQ(due_text(life), "5m 00s idle delete") << "being started is no use by itself";
}

TEST(LifetimeSet, ReplacesThePolicyAndMayShorten) {
  auto life = running({.max_age = 10h});

  lifetime::set(life, policy_of({.max_age = 30min}), after(10min), never_down);

  EXPECT_EQ(due_text(life), "30m 00s max_age delete") << "an age counts from birth";
  EXPECT_EQ(age(life.wake_at), "30m 00s");
}

TEST(LifetimeSet, EndsPastExtensions) {
  auto life = running({.max_age = 1h});
  must(lifetime::extend(life, {.by = 5h, .until = {}}, after(10min), never_down));

  lifetime::set(life, policy_of({.max_age = 2h}), after(20min), never_down);

  EXPECT_EQ(due_text(life), "2h 00m max_age delete");
}

TEST(LifetimeSet, ToNothingLivesOn) {
  auto life = running({.max_age = 1h, .idle = 1h});

  lifetime::set(life, {}, after(10min), never_down);

  EXPECT_EQ(due_text(life), "never");
  EXPECT_FALSE(life.wake_at);
}

TEST(LifetimeSet, CountsIdleFromTheLastUseAndKeepsWhatPausesAdded) {
  auto life = running({.max_age = 1h, .limit = 2h});
  lifetime::halt(life, State::paused, halted_retention, after(10min), never_down);
  lifetime::run(life, State::running, after(70min), never_down);

  lifetime::set(life, policy_of({.max_age = 30min, .idle = 25min, .limit = 2h}), after(75min), never_down);

  EXPECT_EQ(age(life.max_at), "1h 30m") << "half an hour of running, and an hour of pause";
  EXPECT_EQ(age(life.limit_at), "3h 00m");
  EXPECT_EQ(due_text(life), "1h 30m max_age delete");
}

TEST(LifetimeWallClock, AStepMovesOnlyTheInstant) {
  const auto relative = running({.max_age = 1h, .idle = 30min});
  const auto absolute = running({.at = 1h});
  for (const Duration step : {Duration(45min), Duration(-45min), Duration(3s)}) {
    EXPECT_EQ(lifetime::due(relative, after(1min, step), never_down)->at, birth + 30min);
    EXPECT_EQ(lifetime::due(absolute, after(1min, step), never_down)->at, birth + 1h - step) << human(step);
  }
  EXPECT_FALSE(lifetime::expired(absolute, after(59min), never_down));
  EXPECT_TRUE(lifetime::expired(absolute, after(1min, 59min), never_down));
}

TEST(LifetimeWallClock, AStepForwardIsInTheIndexWithTheNextWrite) {
  auto life = running({.at = 1h});

  lifetime::touch(life, Activity::exec, birth + 1min, after(1min, 45min), never_down);

  EXPECT_EQ(age(life.expires_at), "15m 00s");
  EXPECT_EQ(age(life.wake_at), "15m 00s") << "never later than the truth";
}

TEST(LifetimeNames, AreReadBack) {
  for (const auto action : {ExpiryAction::remove, ExpiryAction::stop, ExpiryAction::pause})
    EXPECT_EQ(parse_expiry_action(name(action)), action);
  EXPECT_EQ(name(ExpiryAction::remove), "delete");
  EXPECT_FALSE(parse_expiry_action("remove"));
  for (int number = 0; number <= static_cast<int>(Activity::agent); ++number)
    EXPECT_EQ(parse_activity(name(static_cast<Activity>(number))), static_cast<Activity>(number));
  EXPECT_FALSE(parse_activity(""));
}

TEST(Lifetime, ThatStandsStillAnewLosesNothingOfWhatItStoodBefore) {
  auto life = running({.max_age = 60s, .limit = 100s});
  must(lifetime::extend(life, {.by = 20s, .until = {}}, after(10s), never_down));
  lifetime::halt(life, State::stopped, 1h, after(30s), never_down);
  lifetime::halt_anew(life, after(1000s));
  EXPECT_EQ(lifetime::due(life, after(1000s), never_down)->at, birth + 1000s + 1h) << "its retention begins anew";

  lifetime::run(life, State::running, after(1500s), never_down);
  EXPECT_EQ(life.expires_at, birth + 1470s + 80s) << "what was left of the keepalive at the first stop is left";
  EXPECT_EQ(life.limit_at, birth + 1470s + 100s);
}

}  // namespace
}  // namespace mayfly
