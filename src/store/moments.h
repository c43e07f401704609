#pragma once

#include <algorithm>
#include <atomic>

#include "core/lifetime.h"
#include "ports/clock.h"

namespace mayfly {

/// The instants of transactions: sampled when one has begun, and later than every one before by a microsecond at least.
class Moments {
 public:
  explicit Moments(const Clock& clock) : clock_(clock) {}

  Moment next() {
    const Time sampled = clock_.now();
    Time last = last_.load();
    Time now;
    do now = std::max(sampled, last + 1us);
    while (!last_.compare_exchange_weak(last, now));
    return {now, clock_.wall()};
  }

 private:
  const Clock& clock_;
  std::atomic<Time> last_{Time{}};
};

}  // namespace mayfly
