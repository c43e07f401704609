#include "app/rate_limits.h"

#include <cmath>

namespace mayfly {

namespace {

// Only keys that exist come this far.
constexpr std::size_t most_entries = 10'000;

std::string plain(double number) {
  const auto whole = std::llround(number);
  return std::abs(number - static_cast<double>(whole)) < 1e-9 ? std::to_string(whole) : std::to_string(number);
}

}  // namespace

Status RateLimits::take(const KeyId& key, const std::optional<RateLimit>& own, Time now) {
  const auto limit = own.value_or(standard);
  if (limit.per_second <= 0) return {};
  auto found = entries_.find(key);
  if (found == entries_.end() || found->second.limit != limit) {
    if (found == entries_.end() && entries_.size() >= most_entries) make_room(now);
    found = entries_.insert_or_assign(key, Entry{rate_limit::full(limit, now), limit}).first;
  }
  const auto wait = rate_limit::take(found->second.bucket, limit, now);
  if (!wait) return {};
  ++refused;
  const double after = std::max(1.0, std::ceil(seconds(*wait)));
  Error error{Code::exhausted,
              "this key may make " + plain(limit.per_second) + " requests a second and " + plain(limit.burst) +
                  " at once: try again in " + plain(after) + " s",
              "rate_limited",
              {}};
  error.facts = {{"limit", limit.per_second}, {"retry_after_seconds", after}};
  return tl::unexpected(std::move(error));
}

/// A full bucket is as good as none. Should all of them be in use, everybody begins again.
void RateLimits::make_room(Time now) {
  std::erase_if(entries_, [&](const auto& entry) {
    return rate_limit::is_full(entry.second.bucket, entry.second.limit, now);
  });
  if (entries_.size() >= most_entries) entries_.clear();
}

}  // namespace mayfly
