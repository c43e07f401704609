#pragma once

#include <atomic>
#include <cstdint>
#include <map>

#include "base/result.h"
#include "core/rate_limit.h"

namespace mayfly {

/// How fast each key calls, in memory only: a restart gives everybody a full bucket. Not for several threads at once;
/// only `refused` may be read by others.
class RateLimits {
 public:
  RateLimit standard;                        // of keys without one of their own; off by default
  std::atomic<std::uint64_t> refused{0};

  /// exhausted "rate_limited" with retry_after_seconds when the key calls faster than it may.
  Status take(const KeyId& key, const std::optional<RateLimit>& own, Time now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Bucket bucket;
    RateLimit limit;
  };
  void make_room(Time now);
  std::map<KeyId, Entry> entries_;
};

}  // namespace mayfly
