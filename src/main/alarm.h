#pragma once

#include <optional>

#include "base/time.h"
#include "os/file.h"

namespace mayfly {

/// Sleeps to an exact instant of CLOCK_BOOTTIME, so that a suspend counts; wakes early when it is rung or when the wall
/// clock is set.
class Alarm {
 public:
  static Result<Alarm> make();

  /// Returns when `in` has passed (nothing: never), somebody rang, or the wall clock was set.
  void wait(std::optional<Duration> in);
  void ring() const;

 private:
  void watch_wall_clock();

  os::Fd timer_, wall_, bell_;
};

}  // namespace mayfly
