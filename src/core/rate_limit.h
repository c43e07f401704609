#pragma once

#include <optional>

#include "core/identity.h"

namespace mayfly {

/// Calls that a key may make at once; it fills again with time.
struct Bucket {
  double tokens = 0;
  Time at{};           // when it held that many
};

namespace rate_limit {

Bucket full(const RateLimit& limit, Time now);

/// Takes one, or leaves all and tells how long it is until there is one.
std::optional<Duration> take(Bucket& bucket, const RateLimit& limit, Time now);

/// It has had the time to fill: forgetting it changes nothing.
bool is_full(const Bucket& bucket, const RateLimit& limit, Time now);

}  // namespace rate_limit
}  // namespace mayfly
