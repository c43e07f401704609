#include "core/retry.h"

#include <algorithm>
#include <array>

namespace mayfly::retry {

std::string_view name(Class c) {
  constexpr std::array names = {"transient", "busy", "absent", "unknown", "permanent"};
  return names[static_cast<std::size_t>(c)];
}

Class classify(Code code) {
  switch (code) {
    case Code::busy: return Class::busy;
    case Code::unavailable: case Code::no_space: case Code::exhausted: return Class::transient;
    case Code::not_found: return Class::absent;
    case Code::timed_out: case Code::unknown: return Class::unknown;
    case Code::invalid: case Code::unauthenticated: case Code::denied: case Code::conflict: case Code::too_large:
    case Code::unsupported: case Code::internal: return Class::permanent;
  }
  return Class::permanent;
}

Duration delay(Class c, int attempts, double jitter) {
  // Busy things free themselves in milliseconds or minutes; a part that is down needs longer, and a crowd of retries
  // must not keep it there.
  const Duration base = c == Class::busy ? 20ms : 200ms;
  const Duration cap = c == Class::busy ? Duration(10s) : Duration(5min);
  const int doublings = std::clamp(attempts - 1, 0, 20);
  const Duration full = std::min(cap, base * (std::int64_t{1} << doublings));
  // Never less than a tenth, or a fast failure would spin.
  return full / 10 + Duration(static_cast<std::int64_t>(static_cast<double>((full - full / 10).count()) * jitter));
}

}  // namespace mayfly::retry
