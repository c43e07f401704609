#include "core/rate_limit.h"

#include <algorithm>

namespace mayfly::rate_limit {

namespace {

double tokens_at(const Bucket& bucket, const RateLimit& limit, Time now) {
  const auto gained = now > bucket.at ? seconds(now - bucket.at) * limit.per_second : 0;
  return std::min(bucket.tokens + gained, std::max(limit.burst, 1.0));
}

}  // namespace

Bucket full(const RateLimit& limit, Time now) { return {std::max(limit.burst, 1.0), now}; }

std::optional<Duration> take(Bucket& bucket, const RateLimit& limit, Time now) {
  bucket = {tokens_at(bucket, limit, now), now};
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  return from_seconds((1 - bucket.tokens) / limit.per_second);
}

bool is_full(const Bucket& bucket, const RateLimit& limit, Time now) {
  return tokens_at(bucket, limit, now) >= std::max(limit.burst, 1.0);
}

}  // namespace mayfly::rate_limit
