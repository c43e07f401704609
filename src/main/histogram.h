#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace mayfly {

/// How long things took, in fixed buckets; any thread may add to it.
class Histogram {
 public:
  static constexpr std::array bounds = {Duration(100us), Duration(1ms), Duration(5ms), Duration(25ms),
                                        Duration(100ms), Duration(500ms), Duration(2500ms), Duration(10s)};

  void add(Duration took) {
    for (std::size_t i = 0; i < bounds.size(); ++i)
      if (took <= bounds[i]) ++within_[i];
    ++count_;
    total_us_ += static_cast<std::uint64_t>(took.count());
  }

  std::uint64_t within(std::size_t bound) const { return within_[bound]; }   // no longer than bounds[bound]
  std::uint64_t count() const { return count_; }
  Duration total() const { return Duration(static_cast<std::int64_t>(total_us_.load())); }

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size()> within_{};
  std::atomic<std::uint64_t> count_{0}, total_us_{0};
};

}  // namespace mayfly
