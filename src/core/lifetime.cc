#include "core/lifetime.h"

#include <algorithm>
#include <array>

namespace mayfly {

namespace {

constexpr std::array action_names = {"delete", "stop", "pause"};
constexpr std::array trigger_names = {"max_age", "idle", "at", "retention"};
constexpr std::array activity_names = {"created", "exec", "file", "port", "keepalive", "connection", "agent"};

template <class Enum, std::size_t N>
std::optional<Enum> parse(std::string_view text, const std::array<const char*, N>& names) {
  for (std::size_t i = 0; i < N; ++i)
    if (text == names[i]) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name(ExpiryAction action) { return action_names[static_cast<std::size_t>(action)]; }
std::string_view name(Trigger trigger) { return trigger_names[static_cast<std::size_t>(trigger)]; }
std::string_view name(Activity activity) { return activity_names[static_cast<std::size_t>(activity)]; }
std::optional<ExpiryAction> parse_expiry_action(std::string_view text) {
  return parse<ExpiryAction>(text, action_names);
}
std::optional<Activity> parse_activity(std::string_view text) { return parse<Activity>(text, activity_names); }

namespace lifetime {

namespace {

Time on_service_clock(WallTime at, Moment now) { return now.now + (at - now.wall); }

ExpiryAction action_of(const Lifetime& life, Trigger trigger) {
  return trigger == Trigger::retention ? ExpiryAction::remove : life.policy.actions[static_cast<std::size_t>(trigger)];
}

void consider(std::optional<Due>& best, const Lifetime& life, Time at, Trigger trigger) {
  if (!best || at < best->at) best = Due{at, trigger, action_of(life, trigger)};
}

/// A relative deadline: lifted to the floor of the extensions, then cut at the limit.
Time relative(const Lifetime& life, Time at) {
  if (life.keep_until) at = std::max(at, *life.keep_until);
  if (life.limit_at) at = std::min(at, *life.limit_at);
  return at;
}

std::optional<Time> grace_of(Time at, const Downtime& down) {
  if (at >= down.from && at < down.until) return down.until + downtime_grace;
  for (const auto& grace : down.owed)
    if (at >= grace.from && at < grace.until) return grace.ends;
  return std::nullopt;
}

/// What fell due while the service was down is put off, so that a client can still renew it.
Time with_grace(const Lifetime& life, Time at, const Downtime& down) {
  const auto ends = grace_of(at, down);
  if (!ends) return at;
  return life.limit_at ? std::min(*ends, *life.limit_at) : *ends;
}

bool has_deadlines(State state) { return state != State::deleting && state != State::gone; }

/// What an absolute deadline would do to something halted may be done: it must not stand before the retention for ever.
bool done_already(const Lifetime& life) {
  if (!life.halted_at) return false;
  switch (action_of(life, Trigger::absolute)) {
    case ExpiryAction::remove: return false;
    case ExpiryAction::stop:
      return life.state == State::stopping || life.state == State::stopped || life.state == State::failed;
    case ExpiryAction::pause: return true;
  }
  return false;
}

/// The first warning that is still to come, else the end.
Time next_wake(const Lifetime& life, Time end, Time now) {
  Time next = end;
  for (const auto lead : life.policy.warn)
    if (end - lead > now) next = std::min(next, end - lead);
  return next;
}

void forget_wake(Lifetime& life) {
  life.expires_at.reset();
  life.wake_at.reset();
}

}  // namespace

Lifetime begin(ResourceId id, State state, const LifetimePolicy& policy, Moment now) {
  Lifetime life;
  life.id = std::move(id);
  life.state = state;
  life.policy = policy;
  life.born_at = life.active_at = now.now;
  if (policy.max_age) life.max_at = now.now + *policy.max_age;
  if (policy.limit) life.limit_at = now.now + *policy.limit;
  settle(life, now, {});
  return life;
}

std::optional<Due> due(const Lifetime& life, Moment now, const Downtime& down) {
  if (!has_deadlines(life.state)) return std::nullopt;
  std::optional<Due> best;
  if (life.policy.at && !done_already(life))
    consider(best, life, on_service_clock(*life.policy.at, now), Trigger::absolute);
  if (life.halted_at) {
    if (life.retention) consider(best, life, *life.halted_at + *life.retention, Trigger::retention);
    return best;
  }
  if (life.max_at) consider(best, life, with_grace(life, relative(life, *life.max_at), down), Trigger::max_age);
  else if (life.limit_at) consider(best, life, *life.limit_at, Trigger::max_age);
  if (life.policy.idle)
    consider(best, life, with_grace(life, relative(life, life.active_at + *life.policy.idle), down), Trigger::idle);
  return best;
}

std::optional<Due> expired(const Lifetime& life, Moment now, const Downtime& down) {
  if (!down.over) return std::nullopt;
  const auto deadline = due(life, now, down);
  return deadline && deadline->at <= now.now ? deadline : std::nullopt;
}

void settle(Lifetime& life, Moment now, const Downtime& down) {
  const auto deadline = due(life, now, down);
  if (!deadline) return forget_wake(life);
  life.expires_at = deadline->at;
  const auto next = next_wake(life, deadline->at, now.now);
  if (!life.wake_at || *life.wake_at > next) life.wake_at = next;
}

std::optional<Duration> warning(const Lifetime& life, Moment now, const Downtime& down) {
  const auto deadline = due(life, now, down);
  if (!deadline || !life.wake_at || *life.wake_at > now.now || deadline->at <= now.now) return std::nullopt;
  for (const auto lead : life.policy.warn)
    if (*life.wake_at == deadline->at - lead) return lead;
  return std::nullopt;
}

Downtime next_downtime(const Downtime& before, Time last_seen, Time now) {
  // So many restarts within a minute of service count as fewer, or the list would grow with each.
  constexpr std::size_t most = 100;
  // One that was never over goes on; and a life that ended before its first sign began when that downtime was over.
  last_seen = before.over ? std::max(last_seen, before.until) : before.from;
  Downtime down{last_seen, std::max(now, last_seen), before.owed};
  if (before.over) down.owed.insert(down.owed.begin(), {before.from, before.until, before.until + downtime_grace});
  std::erase_if(down.owed, [&](const Grace& g) { return g.from >= g.until || g.ends <= last_seen; });
  for (auto& grace : down.owed) grace.ends += down.until - down.from;
  if (down.owed.size() > most) {
    down.from = down.owed.front().from;
    down.owed.erase(down.owed.begin());
  }
  return down;
}

bool in_grace(const Lifetime& life, Moment now, const Downtime& down) {
  const auto granted = due(life, now, down), plain = due(life, now, {});
  return granted && plain && plain->at >= down.from && plain->at < down.until && granted->at > plain->at;
}

Result<Extended> extend(Lifetime& life, const Extension& wish, Moment now, const Downtime& down) {
  CHECK(wish.by.has_value() != wish.until.has_value());
  if (life.state != State::running)
    return fail(Code::conflict, "cannot extend while the state is " + std::string(name(life.state)),
                "state_" + std::string(name(life.state)));
  if (expired(life, now, down)) return fail(Code::conflict, "it has already expired", "expired");

  const auto before = due(life, now, down);
  const Time base = before ? std::max(before->at, now.now) : now.now;
  const Time wanted = wish.by ? base + *wish.by : on_service_clock(*wish.until, now);
  Time target = wanted;
  if (life.limit_at) target = std::min(target, *life.limit_at);
  if (life.policy.at) target = std::min(target, on_service_clock(*life.policy.at, now));

  if (before && target <= before->at) {
    // An instant that is covered already is a promise kept without a change; seconds that gain nothing are refused,
    // because a client that adds them again and again must learn that it has reached the end.
    if (wish.until && wanted <= before->at) return Extended{before->at, life.limit_at, false};
    return fail(Code::conflict, "the limit of its life is reached at " + format(before->at), "limit_reached");
  }
  life.keep_until = life.keep_until ? std::max(*life.keep_until, target) : target;
  touch(life, Activity::keepalive, now.now, now, down);
  return Extended{life.expires_at, life.limit_at, target < wanted};
}

void set(Lifetime& life, const LifetimePolicy& policy, Moment now, const Downtime& down) {
  // What pauses have added to the clocks so far stays added: they count running time.
  const Duration pauses = life.max_at && life.policy.max_age ? *life.max_at - life.born_at - *life.policy.max_age
                          : life.limit_at && life.policy.limit ? *life.limit_at - life.born_at - *life.policy.limit
                                                               : Duration::zero();
  life.policy = policy;
  life.max_at = policy.max_age ? std::optional(life.born_at + *policy.max_age + pauses) : std::nullopt;
  life.limit_at = policy.limit ? std::optional(life.born_at + *policy.limit + pauses) : std::nullopt;
  life.keep_until.reset();
  life.wake_at.reset();
  settle(life, now, down);
}

void touch(Lifetime& life, Activity by, Time when, Moment now, const Downtime& down) {
  const auto before = due(life, now, down);
  if (when >= life.active_at) {
    life.active_at = when;
    life.active_by = by;
  }
  // An idle time that ran out in a downtime has a grace that one begun anew has not. Use shortens nothing.
  const auto after = due(life, now, down);
  if (before && after && after->at < before->at)
    life.keep_until = life.keep_until ? std::max(*life.keep_until, before->at) : before->at;
  settle(life, now, down);
}

void halt(Lifetime& life, State state, Duration retention, Moment now, const Downtime& down) {
  life.state = state;
  if (!life.halted_at) life.halted_at = now.now;
  life.retention = retention;
  life.wake_at.reset();
  settle(life, now, down);
}

void halt_anew(Lifetime& life, Moment now) {
  if (!life.halted_at) return;
  const Duration stood = now.now - *life.halted_at;
  for (auto* clock : {&life.max_at, &life.limit_at, &life.keep_until})
    if (*clock) **clock += stood;
  life.halted_at = now.now;
}

void run(Lifetime& life, State state, Moment now, const Downtime& down) {
  life.state = state;
  if (life.halted_at) {
    halt_anew(life, now);
    life.active_at = now.now;
    life.halted_at.reset();
    life.retention.reset();
    if (life.max_at && life.policy.max_age && relative(life, *life.max_at) <= now.now)
      life.max_at = now.now + *life.policy.max_age;
    life.wake_at.reset();
  }
  settle(life, now, down);
}

void end(Lifetime& life, State state) {
  life.state = state;
  forget_wake(life);
}

}  // namespace lifetime
}  // namespace mayfly
