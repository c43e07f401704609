// Random lives: whatever is done to a sandbox in whatever order, what was promised is kept and the limit is not passed.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/lives.h"
#include "core/sandbox.h"

namespace mayfly {
namespace {

Duration span(int least, int most) { return std::chrono::seconds(*rc::gen::inRange(least, most)); }

std::optional<Duration> maybe_span(int least, int most) {
  return *rc::gen::arbitrary<bool>() ? std::optional(span(least, most)) : std::nullopt;
}

Clocks any_clocks() {
  return {.max_age = maybe_span(1, 1000), .idle = maybe_span(1, 500), .at = maybe_span(1, 5000),
          .limit = maybe_span(500, 3000)};
}

/// One sandbox and what its clients were told, in running time: a pause moves both.
struct Story {
  LifetimePolicy policy = policy_of(any_clocks());
  Downtime down = *rc::gen::arbitrary<bool>() ? Downtime{birth + 100s, birth + 400s} : never_down;
  Duration now = down.until > birth ? Duration(400s) : Duration(0s);
  Lifetime life = running_under(policy);
  std::optional<Time> promised = life.expires_at;
  std::optional<Time> limit = life.limit_at;

  Story() { lifetime::settle(life, moment(), down); }

  Moment moment() const { return after(now); }
  bool over() const { return lifetime::expired(life, moment(), down).has_value(); }
  bool halted() const { return life.halted_at.has_value(); }

  void act() {
    switch (*rc::gen::inRange(0, 6)) {
      case 0: case 1: now += span(0, 200); break;
      case 2: extend({.by = span(-10, 600), .until = {}}); break;
      case 3: extend({.by = {}, .until = wall_after(now + span(-100, 2000))}); break;
      case 4: touch(); break;
      case 5: halted() ? resume() : pause(); break;
    }
  }

  void extend(const lifetime::Extension& wish) {
    if (over()) return;
    const auto before = life.expires_at;
    const auto extended = lifetime::extend(life, wish, moment(), down);
    if (!extended) return;
    RC_ASSERT(!before || (extended->expires_at && *extended->expires_at >= *before));
    promised = extended->expires_at;
  }

  void touch() {
    const auto when = moment().now - span(0, 300);
    if (!over() && !halted()) lifetime::touch(life, Activity::exec, when, moment(), down);
  }

  void pause() {
    if (!over()) lifetime::halt(life, State::paused, halted_retention, moment(), down);
  }

  void resume() {
    if (over()) return;
    const Duration stood = moment().now - *life.halted_at;
    lifetime::run(life, State::running, moment(), down);
    if (promised) *promised += stood;
    if (limit) *limit += stood;
    // An instant stays where it is.
    if (promised && policy.at) promised = std::min(*promised, birth + (*policy.at - wall_after(0s)));
  }
};

RC_GTEST_PROP(LifetimeProperty, NoStoryEndsALifeBeforeWhatWasPromised, ()) {
  Story story;
  const int length = *rc::gen::inRange(0, 60);
  for (int step = 0; step < length && !story.over(); ++step) {
    story.act();
    if (story.halted() || !story.promised) continue;
    RC_ASSERT(story.life.expires_at.has_value());
    RC_ASSERT(*story.life.expires_at >= *story.promised);
  }
}

RC_GTEST_PROP(LifetimeProperty, TheIndexNeverLooksTooLate, ()) {
  Story story;
  const int length = *rc::gen::inRange(0, 60);
  for (int step = 0; step < length && !story.over(); ++step) {
    story.act();
    RC_ASSERT(story.life.wake_at.has_value() == story.life.expires_at.has_value());
    if (story.life.wake_at) RC_ASSERT(*story.life.wake_at <= *story.life.expires_at);
    const auto due = lifetime::due(story.life, story.moment(), story.down);
    if (due) RC_ASSERT(*story.life.wake_at <= due->at);
  }
}

RC_GTEST_PROP(LifetimeProperty, NoStoryPassesTheLimit, ()) {
  Story story;
  const int length = *rc::gen::inRange(0, 60);
  for (int step = 0; step < length && !story.over(); ++step) {
    story.act();
    if (!story.limit || story.halted()) continue;
    RC_ASSERT(story.life.limit_at == story.limit);
    RC_ASSERT(*story.life.expires_at <= *story.limit);
  }
}

RC_GTEST_PROP(LifetimeProperty, APauseKeepsWhatWasLeft, ()) {
  Story story;
  story.policy.at.reset();
  story.policy.idle.reset();
  lifetime::set(story.life, story.policy, story.moment(), story.down);
  story.down = never_down;
  story.now += span(0, 300);
  RC_PRE(!story.over());
  const auto before = lifetime::due(story.life, story.moment(), never_down);
  const auto left = before ? std::optional(before->at - story.moment().now) : std::nullopt;

  lifetime::halt(story.life, State::paused, halted_retention, story.moment(), never_down);
  story.now += span(0, 100'000);
  lifetime::run(story.life, State::running, story.moment(), never_down);

  const auto later = lifetime::due(story.life, story.moment(), never_down);
  RC_ASSERT((later ? std::optional(later->at - story.moment().now) : std::nullopt) == left);
}

RC_GTEST_PROP(LifetimeProperty, SettingIsTheSameAsHavingBeenBornSo, ()) {
  Story story;
  const auto policy = policy_of(any_clocks());
  auto born_so = running_under(policy);
  born_so.active_at = story.life.active_at;

  lifetime::set(story.life, policy, story.moment(), never_down);

  RC_ASSERT(due_text(story.life, story.moment()) == due_text(born_so, story.moment()));
}

RC_GTEST_PROP(LifetimeProperty, AStepOfTheWallClockMovesNoRelativeDeadline, ()) {
  Story story;
  story.policy.at.reset();
  lifetime::set(story.life, story.policy, story.moment(), story.down);
  const auto step = std::chrono::hours(*rc::gen::inRange(-100'000, 100'000));

  RC_ASSERT(due_text(story.life, after(story.now), story.down) ==
            due_text(story.life, after(story.now, step), story.down));
}

}  // namespace
}  // namespace mayfly
