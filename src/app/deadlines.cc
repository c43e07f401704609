#include "app/deadlines.h"

#include <algorithm>

#include "app/audit.h"
#include "app/clock_note.h"
#include "app/sandboxes.h"
#include "app/trash.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

// How far the heap looks ahead. Two loads may be needed for one deadline; a load takes milliseconds.
constexpr Duration horizon = 2s;
constexpr std::size_t load_page = 10'000;
// A transaction of the store is closed after 5 ms; this many decisions fit in about that.
constexpr std::size_t fire_batch = 100;
// An action that cannot be taken in this state (a pause while it starts) is tried again.
constexpr Duration not_now = 1s;
constexpr Duration in_use_for_now = 60s;
// Less than this and the wall clock was merely slewed.
constexpr Duration wall_step = 20ms;

}  // namespace

bool Deadlines::notice(Time at) {
  std::lock_guard guard(mutex_);
  if (!reload_ && beyond_ && at >= *beyond_) return false;
  reload_ = true;
  return true;
}

Result<std::optional<Time>> Deadlines::run_once() {
  auto next = pass();
  if (next) return next;
  // What was taken from the heap and not decided must come back.
  std::lock_guard guard(mutex_);
  reload_ = true;
  return next;
}

Result<std::optional<Time>> Deadlines::pass() {
  if (!installation_.down.over) return std::optional<Time>();
  const Time now = clock_.now();
  TRY(follow_wall_clock());
  {
    std::unique_lock guard(mutex_);
    const bool load_now = reload_ || (beyond_ && *beyond_ <= now + horizon / 2);
    guard.unlock();
    if (load_now) TRY(load(now));
  }
  Status trouble;
  while (!near_.empty() && near_.top().at <= now) {
    std::vector<ResourceId> due;
    while (!near_.empty() && near_.top().at <= now && due.size() < fire_batch) {
      due.push_back(near_.top().id);
      near_.pop();
    }
    if (fire(due)) continue;
    // One row that cannot be decided must not hold up those that fell due with it; when none can, it is not the rows.
    std::size_t failed = 0;
    for (const auto& id : due) {
      auto alone = fire({id});
      if (alone) continue;
      ++failed;
      trouble = std::move(alone);
    }
    if (failed == due.size()) break;
  }
  if (!trouble) return tl::unexpected(trouble.error());
  std::lock_guard guard(mutex_);
  if (reload_) return std::optional(now);
  std::optional<Time> next = near_.empty() ? std::nullopt : std::optional(near_.top().at);
  if (beyond_ && (!next || *beyond_ - horizon / 2 < *next)) next = *beyond_ - horizon / 2;
  return next;
}

Status Deadlines::load(Time now) {
  {
    std::lock_guard guard(mutex_);
    reload_ = false;
    beyond_.reset();  // until the read below is done, anything new must be noticed
  }
  const auto rows = TRY(store_.read([&](Transaction& t) { return t.lifetimes().waking(now + horizon, load_page); }));
  std::priority_queue<Entry> heap;
  for (const auto& row : rows) heap.push({*row.wake_at, row.id});
  near_ = std::move(heap);

  std::optional<Time> beyond;
  if (rows.size() == load_page) beyond = rows.back().wake_at;
  else {
    const auto further = TRY(store_.read([&](Transaction& t) { return t.lifetimes().waking_after(now + horizon); }));
    beyond = further;
  }
  std::lock_guard guard(mutex_);
  beyond_ = beyond;
  if (!beyond_) beyond_ = Time::max();
  return {};
}

/// Absolute deadlines stand on the wall clock: when that is set, their place on the service clock moves.
Status Deadlines::follow_wall_clock() {
  const Duration offset = clock_.wall().time_since_epoch() - clock_.now().time_since_epoch();
  const auto same = [&](Duration other) { return std::chrono::abs(other - offset) < wall_step; };
  if (wall_offset_ && same(*wall_offset_)) return {};
  // It may be set again on the way, and even back to where it was: then some rows know another one.
  wall_offset_.reset();
  bool steady = true;
  std::string after;
  for (;;) {
    const auto last = TRY(store_.write([&](Transaction& t) -> Result<std::string> {
      steady = steady && same(t.moment().wall.time_since_epoch() - t.now().time_since_epoch());
      const auto rows = TRY(t.lifetimes().with_absolute(after, fire_batch));
      for (auto row : rows) {
        row.wake_at.reset();
        lifetime::settle(row, t.moment(), installation_.down);
        t.wakes.deadline_at(row.wake_at);
        TRY(t.lifetimes().update(row));
      }
      return rows.empty() ? std::string() : rows.back().id.text;
    }));
    if (last.empty()) break;
    after = last;
  }
  if (steady) wall_offset_ = offset;
  return {};
}

Status Deadlines::fire(const std::vector<ResourceId>& ids) {
  // An exec of half a second ago may still be in memory only.
  TRY(activity_.flush());
  FAILPOINT("deadline.before_fire");
  const auto late = TRY(store_.write([&](Transaction& t) -> Result<std::vector<Duration>> {
    std::vector<Duration> fired;
    for (const auto& id : ids)
      if (const auto lateness = TRY(decide(t, id))) fired.push_back(*lateness);
    return fired;
  }));
  FAILPOINT("deadline.after_fire");
  std::lock_guard guard(mutex_);
  for (const auto& lateness : late) {
    ++lateness_.fired;
    lateness_.total += lateness;
    lateness_.longest = std::max(lateness_.longest, lateness);
    for (std::size_t i = 0; i < Lateness::bounds.size(); ++i) lateness_.within[i] += lateness <= Lateness::bounds[i];
  }
  return {};
}

Result<std::optional<Duration>> Deadlines::decide(Transaction& t, const ResourceId& id) {
  auto life = t.lifetimes().get(id);
  if (!life) return std::optional<Duration>();
  const auto due = lifetime::expired(*life, t.moment(), installation_.down);
  if (!due) {
    // Moving wake_at on in the same commit is what makes each warning one event.
    if (const auto lead = lifetime::warning(*life, t.moment(), installation_.down)) TRY(warn(t, *life, *lead));
    life->wake_at.reset();
    lifetime::settle(*life, t.moment(), installation_.down);
    TRY(t.lifetimes().update(*life));
    t.wakes.deadline_at(life->wake_at);
    return std::optional<Duration>();
  }
  const auto resource = TRY(t.resources().get(id));
  if (const auto later = TRY(put_off_until(t, resource, due->action == ExpiryAction::remove))) {
    life->wake_at = later;
    TRY(note_clock(t));
    t.wakes.deadline_at(later);
    TRY(t.lifetimes().update(*life));
    return std::optional<Duration>();
  }
  if (resource.kind == Kind::volume) {
    TRY(end_volume(t, TRY(t.volumes().get(id))));
  } else if (resource.kind == Kind::sandbox) {
    TRY(act(t, TRY(t.sandboxes().get(id)), *due));
  } else {
    // Nobody asked for an archive of what was in the trash, and an archive has none.
    TRY(deletion_.begin(t, Caller::system("deadline", resource.workspace), id,
                        {.policy = {.archive = resource.kind == Kind::archive}, .reason = "retention"}));
  }
  return std::optional(t.now() - due->at);
}

Status Deadlines::warn(Transaction& t, const Lifetime& life, Duration lead) {
  if (kind_of_id(life.id.text) != Kind::sandbox) return {};
  const auto sandbox = TRY(t.sandboxes().get(life.id));
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(lead).count();
  TRY(audit(t, random_, Caller::system("deadline", sandbox.resource.workspace), "sandbox.expiring", sandbox.resource,
            {{"seconds_left", std::to_string(whole)}, {"expires_at", format(life.wake_at.value() + lead)}}));
  return {};
}

/// One that somebody has mounted is in use after all: it waits for that.
Status Deadlines::end_volume(Transaction& t, Volume volume) {
  if (!TRY(t.volumes().mounted_by(volume.resource.id, 1)).empty()) {
    volume.lifetime.wake_at = t.now() + in_use_for_now;
    TRY(note_clock(t));
    t.wakes.deadline_at(volume.lifetime.wake_at);
    return t.lifetimes().update(volume.lifetime);
  }
  TRY(deletion_.begin(t, Caller::system("deadline", volume.resource.workspace), volume,
                      {.policy = {}, .reason = "retention"}));
  return {};
}

Status Deadlines::act(Transaction& t, Sandbox sandbox, const Due& due) {
  const auto caller = Caller::system("deadline", sandbox.resource.workspace);
  const std::string reason(name(due.trigger));
  const auto move = due.action == ExpiryAction::remove ? lifecycle::Move::ask_delete
                    : due.action == ExpiryAction::stop ? lifecycle::Move::ask_stop
                                                       : lifecycle::Move::ask_pause;
  if (!lifecycle::next(sandbox.resource.state, move)) {
    sandbox.lifetime.wake_at = t.now() + not_now;  // a pause that finds it starting comes again
    TRY(note_clock(t));
    t.wakes.deadline_at(sandbox.lifetime.wake_at);
    return t.lifetimes().update(sandbox.lifetime);
  }
  TRY(audit(t, random_, caller, "sandbox.expired", sandbox.resource,
            {{"reason", reason}, {"action", std::string(name(due.action))}, {"due", format(due.at)}}));
  if (due.action != ExpiryAction::remove)
    return apply_move(t, sandbox, move, {reason, caller.actor, t.now()}, installation_);
  TRY(deletion_.begin(t, caller, sandbox, {.policy = {}, .reason = reason}));
  return {};
}

Deadlines::Lateness Deadlines::lateness() const {
  std::lock_guard guard(mutex_);
  return lateness_;
}

}  // namespace mayfly
