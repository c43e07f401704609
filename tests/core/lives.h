#pragma once
// Lifetimes in tests: everything is told from the birth of the sandbox on, in words such as "5m" or "never".

#include "core/lifetime.h"

namespace mayfly {

constexpr Time birth = service_time(1'790'000'000'000'000);
constexpr Downtime never_down{};

/// So long after the birth, with the wall clock ahead by a step.
inline Moment after(Duration age, Duration wall_step = 0s) {
  return {birth + age, WallTime((birth + age + wall_step).time_since_epoch())};
}
inline WallTime wall_after(Duration age) { return after(age).wall; }

struct Clocks {
  std::optional<Duration> max_age{}, idle{}, at{}, limit{};
};
inline LifetimePolicy policy_of(const Clocks& clocks) {
  LifetimePolicy policy;
  policy.max_age = clocks.max_age;
  policy.idle = clocks.idle;
  if (clocks.at) policy.at = wall_after(*clocks.at);
  policy.limit = clocks.limit;
  return policy;
}

/// One that was born running.
inline Lifetime running_under(const LifetimePolicy& policy) {
  return lifetime::begin({"sbx_1"}, State::running, policy, after(0s));
}
inline Lifetime running(const Clocks& clocks) { return running_under(policy_of(clocks)); }

inline std::string age(std::optional<Time> at) { return at ? human(*at - birth) : "never"; }

/// "5m 00s max_age delete", or "never".
inline std::string due_text(const Lifetime& life, Moment now = after(0s), const Downtime& down = never_down) {
  const auto due = lifetime::due(life, now, down);
  if (!due) return "never";
  return age(due->at) + " " + std::string(name(due->trigger)) + " " + std::string(name(due->action));
}

}  // namespace mayfly
