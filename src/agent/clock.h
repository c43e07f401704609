#pragma once

#include <cstdint>

#include <time.h>

namespace mayfly::agent {

/// Microseconds since the boot of the host, time asleep or frozen included.
inline std::int64_t now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace mayfly::agent
