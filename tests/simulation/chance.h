#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ports/clock.h"

namespace mayfly::simulation {

/// All randomness of one run: the same seed gives the same run.
class Chance : public Random {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t limit) { return next() % limit; }
  bool percent(int of_a_hundred) { return below(100) < static_cast<std::size_t>(of_a_hundred); }
  void fill(void* bytes, std::size_t count) override {
    for (auto* at = static_cast<unsigned char*>(bytes); count > 0; --count) *at++ = static_cast<unsigned char>(next());
  }

 private:
  std::uint64_t state_;
};

/// Clocks that only the scheduler moves. As on a machine: one runs since the boot, the wall clock can be set, and
/// service time is what a server makes of the first.
class VirtualClock : public Clock {
 public:
  Time now() const override { return Time(base_ + boottime_); }
  WallTime wall() const override { return WallTime(wall_base_ + boottime_); }
  Duration boottime() const { return boottime_; }
  std::string boot_id() const { return "boot-" + std::to_string(boots_); }

  void advance(Duration by) { boottime_ += by; }
  void step_wall_clock(Duration by) { wall_base_ += by; }
  /// The machine was off for so long.
  void reboot(Duration off) {
    wall_base_ += boottime_ + off;
    boottime_ = Duration::zero();
    ++boots_;
  }
  /// From now on service time is so much more than the time since the boot.
  void start_from(Duration base) { base_ = base; }

 private:
  Duration boottime_ = std::chrono::hours(10);
  Duration base_ = Duration(1'790'000'000'000'000) - boottime_;
  Duration wall_base_ = base_;
  int boots_ = 1;
};

/// What happened, folded into one number.
class Trace {
 public:
  void note(std::string_view what) {
    for (const unsigned char c : what) hash_ = (hash_ ^ c) * 0x100000001b3u;
    hash_ = (hash_ ^ 0xff) * 0x100000001b3u;
    ++length_;
  }
  std::uint64_t hash() const { return hash_; }
  std::size_t length() const { return length_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::size_t length_ = 0;
};

}  // namespace mayfly::simulation
