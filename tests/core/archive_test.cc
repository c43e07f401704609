#include "core/archive.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/lives.h"
#include "support/must.h"

namespace mayfly {
namespace {

Lifetime archive_kept_for(std::optional<Duration> days) {
  LifetimePolicy policy;
  policy.max_age = days;
  return lifetime::begin({"arc_1"}, State::active, policy, after(0s));
}

Status keep(Lifetime& life, const lifetime::Extension& wish, Moment now = after(10s)) {
  return keep_longer(life, wish, now, never_down);
}

TEST(KeepLonger, AddsToTheEndThatStands) {
  auto life = archive_kept_for(100s);

  must(keep(life, {.by = 50s, .until = {}}));

  EXPECT_EQ(due_text(life), age(birth + 150s) + " max_age delete");
  EXPECT_EQ(life.expires_at, birth + 150s);
  EXPECT_LE(*life.wake_at, *life.expires_at);
}

TEST(KeepLonger, AnInstantBecomesADeadlineOfTheWallClock) {
  auto life = archive_kept_for(100s);

  must(keep(life, {.by = {}, .until = wall_after(300s)}));

  EXPECT_EQ(due_text(life), age(birth + 300s) + " at delete");

  must(keep(life, {.by = 20s, .until = {}}));
  EXPECT_EQ(due_text(life), age(birth + 320s) + " at delete") << "days that are added to an instant give an instant";
}

TEST(KeepLonger, NeverBringsTheEndNearer) {
  auto life = archive_kept_for(100s);
  const auto before = due_text(life);

  must(keep(life, {.by = -50s, .until = {}}));
  EXPECT_EQ(due_text(life), before);
  must(keep(life, {.by = 0s, .until = {}}));
  EXPECT_EQ(due_text(life), before);
  must(keep(life, {.by = {}, .until = wall_after(50s)}));
  EXPECT_EQ(due_text(life), before);
}

TEST(KeepLonger, WhatIsKeptForEverStaysSo) {
  auto life = archive_kept_for(std::nullopt);

  must(keep(life, {.by = {}, .until = wall_after(300s)}));

  EXPECT_EQ(due_text(life), "never");
}

TEST(KeepLonger, ComesTooLateForWhatIsDue) {
  auto life = archive_kept_for(100s);

  EXPECT_EQ(outcome(keep(life, {.by = 50s, .until = {}}, after(100s))), "conflict expired");
  EXPECT_EQ(outcome(keep(life, {.by = 50s, .until = {}}, after(99s))), "fine");
}

RC_GTEST_PROP(KeepLonger, NoSeriesOfWishesShortensARetention, ()) {
  auto life = archive_kept_for(1000s);
  int now = 0;
  for (int wishes = *rc::gen::inRange(0, 20); wishes > 0; --wishes) {
    now += *rc::gen::inRange(0, 100);
    const auto moment = after(std::chrono::seconds(now));
    const auto before = *life.expires_at;
    const auto span = std::chrono::seconds(*rc::gen::inRange(-2000, 3000));
    const auto wish = *rc::gen::arbitrary<bool>() ? lifetime::Extension{.by = span, .until = {}}
                                                  : lifetime::Extension{.by = {}, .until = moment.wall + span};
    const auto kept = keep(life, wish, moment);
    RC_ASSERT(kept.has_value() == (moment.now < before));
    RC_ASSERT(*life.expires_at >= before);
    RC_ASSERT(*life.wake_at <= *life.expires_at);
  }
}

}  // namespace
}  // namespace mayfly
