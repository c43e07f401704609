#pragma once
// How long something lives. Three clocks may be set: an age from its creation, an idle time from its last use, and an
// absolute instant of the wall clock; the earliest one decides, with the action that belongs to it. What is paused or
// stopped has a retention instead of the relative two. All of it is arithmetic: `now` is an argument.
//
// Extend and set-to are different verbs. Extending raises a floor (`keep_until`) below which the relative clocks do not
// fire, so it can never shorten a life; setting replaces the policy, and may.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/resource.h"

namespace mayfly {

/// One instant, seen on both clocks.
struct Moment {
  Time now{};
  WallTime wall{};
};

enum class ExpiryAction { remove, stop, pause };
std::string_view name(ExpiryAction action);  // "delete", "stop", "pause"
std::optional<ExpiryAction> parse_expiry_action(std::string_view name);

enum class Trigger { max_age, idle, absolute, retention };
std::string_view name(Trigger trigger);

/// What counted as use, most recent first come.
enum class Activity { created, exec, file, port, keepalive, connection, agent };
std::string_view name(Activity activity);
std::optional<Activity> parse_activity(std::string_view name);

/// What was asked for. An absent clock never fires.
struct LifetimePolicy {
  std::optional<Duration> max_age;
  std::optional<Duration> idle;
  std::optional<WallTime> at;
  std::optional<Duration> limit;     // start plus all extensions never passes creation + limit
  std::array<ExpiryAction, 3> actions{ExpiryAction::remove, ExpiryAction::remove, ExpiryAction::remove};  // by Trigger
  std::vector<Duration> warn{};      // an event so long before the end, each
};

/// The narrow row behind every deadline.
struct Lifetime {
  ResourceId id;
  State state = State::requested;            // the resource's own, repeated where the hot writes look
  int generation = 0;
  LifetimePolicy policy;
  Time born_at{};
  std::optional<Time> max_at;                // born_at + max_age, moved by pauses
  std::optional<Time> limit_at;              // moved by pauses
  std::optional<Time> keep_until;            // the floor that extensions raise
  Time active_at{};
  Activity active_by = Activity::created;
  std::optional<Time> halted_at;             // paused or stopped: the relative clocks stand still since
  std::optional<Duration> retention;         // from halted_at, then deletion
  std::optional<Time> expires_at;            // the truth as of the last write; in no index
  std::optional<Time> wake_at;               // indexed; never later than expires_at; no extension moves it
};

/// What fell due from `from` to `until` is put off to `ends`.
struct Grace {
  Time from{}, until{}, ends{};
};

/// The service was not there between these two; clients could not renew.
struct Downtime {
  Time from{};
  Time until{};
  std::vector<Grace> owed{};   // by earlier ones, whose grace this one has interrupted
  bool over = true;            // not: the clock cannot be believed, nobody knows how long it was, and nothing expires
};

struct Due {
  Time at{};
  Trigger trigger = Trigger::max_age;
  ExpiryAction action = ExpiryAction::remove;
};

namespace lifetime {

/// Clients that could not renew while the service was down get this long after it is back.
constexpr Duration downtime_grace = 60s;

/// From the last sign of life until now. What was left of an earlier grace goes on, and none begins anew: clients had
/// the life in between to renew in.
Downtime next_downtime(const Downtime& before, Time last_seen, Time now);

/// A deadline that fell into that downtime and is put off.
bool in_grace(const Lifetime& life, Moment now, const Downtime& down);

Lifetime begin(ResourceId id, State state, const LifetimePolicy& policy, Moment now);

/// The deadline that decides, grace included; nothing when no clock is set, and for what is deleting or gone.
std::optional<Due> due(const Lifetime& life, Moment now, const Downtime& down);

/// Due and past: what must happen now. Nothing, while a downtime is not over.
std::optional<Due> expired(const Lifetime& life, Moment now, const Downtime& down);

/// Writes expires_at, and moves wake_at only where it would be too late: for the next warning, or for the end.
void settle(Lifetime& life, Moment now, const Downtime& down);

/// wake_at stood for a warning, its instant has come, and the end is where it was when that was set: how far away.
std::optional<Duration> warning(const Lifetime& life, Moment now, const Downtime& down);

struct Extension {
  std::optional<Duration> by;        // added to the deadline that stands (or to now, where none of the two is set)
  std::optional<WallTime> until;     // or an instant to reach
};
struct Extended {
  std::optional<Time> expires_at;
  std::optional<Time> limit_at;
  bool clamped = false;              // the limit or the absolute deadline came first
};

/// Keeps a running one alive for longer. conflict: not running, already expired, or the limit leaves nothing to gain.
/// An `until` that is already covered succeeds and changes nothing.
Result<Extended> extend(Lifetime& life, const Extension& wish, Moment now, const Downtime& down);

/// Replaces the policy; age and limit count from birth, idle from the last use. Past extensions end with it.
void set(Lifetime& life, const LifetimePolicy& policy, Moment now, const Downtime& down);

/// Use was seen at `when`; never moves backwards.
void touch(Lifetime& life, Activity by, Time when, Moment now, const Downtime& down);

/// Pause and stop halt the relative clocks and begin a retention; starting and resuming let them go on from there.
/// A relative clock that had run out is given its whole span again (within the limit), or a start would end at once.
void halt(Lifetime& life, State state, Duration retention, Moment now, const Downtime& down);
void run(Lifetime& life, State state, Moment now, const Downtime& down);
/// The time that it stood still until now is over, and it stands still anew: its retention begins now.
void halt_anew(Lifetime& life, Moment now);

/// No deadline applies any more.
void end(Lifetime& life, State state);

}  // namespace lifetime
}  // namespace mayfly
