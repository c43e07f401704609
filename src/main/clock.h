#pragma once

#include <atomic>
#include <string>

#include "ports/clock.h"

namespace mayfly {

Duration boottime();
Result<std::string> boot_id();

/// Service time from CLOCK_BOOTTIME: a wall-clock step, a leap second or a suspend changes nothing.
class BootClock : public Clock {
 public:
  Time now() const override { return Time(base_.load() + boottime() + moved_.load()); }
  WallTime wall() const override;

  void start_from(Duration base) { base_ = base; }

  /// Tests move time: forwards both clocks, backwards only the wall clock, since service time never goes back.
  void move(Duration by);

 private:
  std::atomic<Duration> base_{Duration::zero()};
  std::atomic<Duration> moved_{Duration::zero()};
  std::atomic<Duration> wall_moved_{Duration::zero()};
};

class SystemRandom : public Random {
 public:
  void fill(void* bytes, std::size_t count) override;
};

}  // namespace mayfly
