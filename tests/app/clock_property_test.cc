// Service time over any life of a host: restarts, suspends, reboots and wall clocks that jump by years.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "app/installation.h"

namespace mayfly {
namespace {

constexpr auto week = std::chrono::hours(7 * 24);

/// A host, and the one record of its clock that is on the disk.
struct Host {
  int boot = 1;
  Duration boottime = 1h;
  WallTime wall{std::chrono::hours(24 * 365 * 56)};
  ClockRecord record{name(), boottime, Time(wall.time_since_epoch())};

  std::string name() const { return "boot-" + std::to_string(boot); }
  ClockStart start() const { return continue_clock(record, name(), boottime, wall, false); }
  Time now() const { return Time(start().base + boottime); }
  void save() { record = {name(), boottime, now()}; }
  void pass(Duration span) {
    boottime += span;   // a suspend is the same: CLOCK_BOOTTIME goes on
    wall += span;
  }
};

Duration any_span() {
  return *rc::gen::element<Duration>(1us, 1s, 1min, 1h, std::chrono::hours(24 * 3)) * *rc::gen::inRange(0, 10);
}

RC_GTEST_PROP(ServiceTime, GoesOnByWhatHasPassedWhateverTheWallClockSays, ()) {
  Host host;
  for (int left = *rc::gen::inRange(0, 30); left > 0; --left) {
    const auto before = host.now();
    const auto span = any_span();
    host.pass(span);
    host.wall += std::chrono::hours(*rc::gen::inRange(-50 * 365 * 24, 50 * 365 * 24));
    RC_ASSERT(host.now() == before + span);
    RC_ASSERT(!host.start().jumped);
    if (*rc::gen::arbitrary<bool>()) host.save();
  }
}

RC_GTEST_PROP(ServiceTime, NoRebootTakesItBackOrCarriesItOffByMoreThanAWeekUntold, ()) {
  Host host;
  for (int left = *rc::gen::inRange(0, 30); left > 0; --left) {
    host.pass(any_span());
    host.save();
    const auto before = host.now();
    const auto off = any_span() * 4;
    host.boot += 1;
    host.boottime = 30s;
    host.wall += off + std::chrono::hours(*rc::gen::element(0, 0, 1, -1, 24, 24 * 365 * 10, -24 * 365 * 10));
    RC_ASSERT(host.now() >= before);
    const bool far = host.wall.time_since_epoch() - before.time_since_epoch() > week;
    RC_ASSERT(host.start().jumped == far);
    RC_ASSERT(host.now() - before <= (far ? Duration::zero() : Duration(week)));
    host.save();
  }
}

}  // namespace
}  // namespace mayfly
