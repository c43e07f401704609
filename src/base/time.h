#pragma once
// Two kinds of instant that must never be mixed.
//
// Time is *service time*: it starts at the wall clock of the first start and then follows CLOCK_BOOTTIME, so that
// a wall-clock step, a leap second or a suspend changes no relative deadline. Every stored instant is one.
// WallTime is what a caller means by "at 17:00": it follows the wall clock, steps and all.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly {

using Duration = std::chrono::microseconds;
using namespace std::chrono_literals;

struct ServiceTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ServiceTime, duration>;
  static constexpr bool is_steady = true;
};

using Time = ServiceTime::time_point;
using WallTime = std::chrono::sys_time<Duration>;

constexpr std::int64_t microseconds(Time t) { return t.time_since_epoch().count(); }
constexpr std::int64_t microseconds(WallTime t) { return t.time_since_epoch().count(); }
constexpr Time service_time(std::int64_t us) { return Time(Duration(us)); }
constexpr WallTime wall_time(std::int64_t us) { return WallTime(Duration(us)); }
constexpr double seconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }

/// Whole or fractional seconds as a Duration, refusing what does not fit in a century.
std::optional<Duration> from_seconds(double seconds);

/// RFC 3339 in UTC with six digits: 2026-11-21T10:30:00.123456Z.
std::string format(Time t);
std::string format(WallTime t);

/// RFC 3339 with an offset or Z; up to nine digits of a second, cut to six.
Result<WallTime> parse_wall_time(std::string_view text);

/// "3h 20m", "12.3s", "4ms": for people.
std::string human(Duration d);

}  // namespace mayfly
