// The deadline loop against a sorted list: whatever is created, extended, set and restarted in whatever order, at every
// instant exactly those live whose end has not come. Service time jumps by months, the wall clock in both directions.

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

// Transactions of one moment of the clock are microseconds apart: within that much an end may have come or not.
constexpr Duration instant = 1ms;

struct Timers {
  World world;
  std::multimap<Time, ResourceId> ends;   // of what lives, in their order
  std::map<ResourceId, Time> ended;       // when it should have

  Duration any_span() {
    const Duration unit = *rc::gen::element<Duration>(1us, 1ms, 1s, 1min, 1h, std::chrono::hours(24 * 30));
    return unit * *rc::gen::inRange(1, 100);
  }

  std::string any_living() {
    return std::next(ends.begin(), *rc::gen::inRange(0, static_cast<int>(ends.size())))->second.text;
  }

  void moved(const std::string& id, std::optional<Time> to) {
    std::erase_if(ends, [&](const auto& entry) { return entry.second.text == id; });
    RC_ASSERT(to.has_value());
    ends.emplace(*to, ResourceId{id});
  }

  void create() {
    const auto made = world.a_requested_sandbox({.lifetime = age_of(any_span())});
    moved(made.resource.id.text, made.lifetime.expires_at);
  }

  void extend(const std::string& id) {
    std::optional<Result<lifetime::Extended>> answer;
    world->sandboxes.extend(world.admin(), id, {.by = any_span(), .until = {}},
                            [&](Result<lifetime::Extended> extended) { answer = std::move(extended); });
    // Refused only while it does not run: then nothing has changed.
    if (*answer) moved(id, (*answer)->expires_at);
  }

  /// From its birth on: that may be over before it is said, and then it ends at once.
  void set(const std::string& id) {
    const auto span = any_span();
    const auto changed = world->sandboxes.set_lifetime(world.admin(), id, [&](LifetimePolicy& policy) {
      policy.max_age = span;
    });
    // Refused only where the end has come and the loop has not.
    if (changed) return moved(id, changed->lifetime.expires_at);
    const auto is_it = [&](const auto& entry) { return entry.second.text == id; };
    const auto listed = std::find_if(ends.begin(), ends.end(), is_it);
    RC_ASSERT(listed->first <= world.clock.now() + instant);
  }

  /// Its downtime is the microseconds of its commits. What would end in them is put off, as after one of hours, and
  /// what an earlier one put off waits so much longer; nothing else moves.
  void restart() {
    world.restart();
    const auto& down = world->installation.down;
    for (auto& [end, id] : std::exchange(ends, {})) {
      const auto due = lifetime::due(world.row(id).lifetime, {world.clock.now(), world.clock.wall()}, down);
      RC_ASSERT(due.has_value());
      const bool put_off = due->at > down.until && due->at <= down.until + lifetime::downtime_grace;
      RC_ASSERT(due->at == end || (due->at > end && put_off));
      ends.emplace(due->at, id);
    }
    pass(0s);
  }

  void pass(Duration span) {
    const Time until = world.clock.now() + span;
    world.let_pass(span);
    // The loop acts within the instant; the workers of the simulated host take some.
    for (auto first = ends.begin(); first != ends.end() && first->first <= until; first = ends.erase(first))
      ended[first->second] = first->first;
  }

  void act() {
    switch (*rc::gen::inRange(0, 8)) {
      case 0: case 1: create(); break;
      case 2: if (!ends.empty()) extend(any_living()); break;
      case 3: if (!ends.empty()) set(any_living()); break;
      case 4: restart(); break;
      case 5: world.clock.step_wall_clock(any_span() * *rc::gen::element(-1, 1)); break;
      default: pass(any_span());
    }
  }

  void check() {
    for (const auto& [end, id] : ends) {
      if (end <= world.clock.now() + instant) continue;
      RC_ASSERT(world.row(id).resource.state != State::gone && !world.row(id).ending);
    }
    for (const auto& [id, end] : ended) {
      const auto row = world.row(id);
      RC_ASSERT(row.resource.state == State::gone);
      RC_ASSERT(row.ending->reason == "max_age");
      RC_ASSERT(row.ending->at >= end);
    }
  }
};

RC_GTEST_PROP(Timers, FireAsASortedListWould, ()) {
  Timers timers;
  for (int left = *rc::gen::inRange(1, 40); left > 0; --left) {
    timers.act();
    timers.check();
  }
  timers.pass(std::chrono::hours(24 * 365 * 2000));
  RC_ASSERT(timers.ends.empty());
  timers.check();
}

}  // namespace
}  // namespace mayfly
