#pragma once
// Who is served next, and who is not served at all for now. Pure: app/dispatcher reads the rows that this decides upon.

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/cleanup.h"

namespace mayfly::dispatch {

/// Deficit round robin over workspaces; every task costs one. In its turn a workspace takes up to a quantum, and what
/// is left of the turn when there is no more room is its own the next time. So whoever waits is served after at most
/// quantum tasks of each of the others, however many these have.
class RoundRobin {
 public:
  explicit RoundRobin(std::size_t quantum) : quantum_(quantum) {}

  struct Turn {
    ResourceId whose;
    std::size_t most = 0;
  };
  /// A round among these, for `room` tasks together.
  void begin(std::set<ResourceId> waiting, std::size_t room);
  /// Whose turn it is; nothing: there is no more room, or nobody has more.
  std::optional<Turn> next();
  /// So many were taken in that turn; fewer than `most`: it has no more.
  void took(std::size_t tasks);

  /// The first to be looked at for the next round.
  const ResourceId& from() const { return last_; }

 private:
  std::size_t quantum_;
  ResourceId last_;                // whose turn it was
  std::size_t left_ = 0;           // of it
  std::size_t room_ = 0, most_ = 0;
  std::deque<ResourceId> waiting_;
};

/// The order of priorities in the nth turn of a workspace: the highest first, but in one of eight turns the lowest, so
/// that none waits for ever.
std::vector<Priority> order_of_turn(std::uint64_t turn);

/// What carries effects out. Each has a circuit breaker and may have a cap of its own.
enum class Part { host, objects, images };
constexpr std::array parts = {Part::host, Part::objects, Part::images};
std::string_view name(Part part);
std::optional<Part> parse_part(std::string_view name);
/// Nothing: what is only rows.
std::optional<Part> part_of(Lane lane, Kind kind);

/// A part that is down is not asked again and again: after some failures in a row, of several things, nothing is begun
/// for a while that doubles; then one probe decides.
class Breaker {
 public:
  static constexpr int failures_to_open = 5;
  static constexpr std::size_t things_to_open = 3;      // one broken sandbox is not a broken host
  static constexpr Duration first_wait = 1s;
  static constexpr Duration longest_wait = 60s;
  static constexpr Duration probe_patience = 60s;       // a probe that nobody heard of again

  enum class State { closed, open, half_open };
  State state() const { return state_; }
  int failures() const { return failures_; }
  Time retry_at() const { return retry_at_; }           // of one that is not closed

  bool allows(Time now) const { return state_ == State::closed || now >= retry_at_; }
  /// Something was begun: of one that is open, the probe.
  void began(Time now);
  void ended(const ResourceId& of, const Status& outcome, Time now);

 private:
  State state_ = State::closed;
  int failures_ = 0;                // in a row
  std::set<ResourceId> failed_;     // a few of those
  Duration wait_{};
  Time retry_at_{};
};
std::string_view name(Breaker::State state);

/// How many may be in work at once; 0: as many as there are workers.
struct Caps {
  int per_workspace = 0;
  std::map<std::string, int> kinds;     // by name
  std::map<std::string, int> parts;     // by name
  bool any() const { return per_workspace > 0 || !kinds.empty() || !parts.empty(); }
};

/// Tasks in work, by what caps are set for.
struct InWork {
  std::map<ResourceId, int> workspaces;
  std::map<std::string, int> kinds, parts;
  void add(const ResourceId& workspace, Lane lane, Kind kind, int tasks);
};
/// How many more of these may begin.
std::size_t room_under(const Caps& caps, const InWork& in_work, const ResourceId& workspace, Lane lane, Kind kind);

/// The blast-radius rule: so many deletes of one workspace at once that it may be a mistake, or somebody's key.
struct BlastRule {
  int least = 500;                  // open deletes; 0: the rule is off
  int percent = 50;                 // of all that the workspace has
};
/// How many things a workspace must have for `open` deletes to be no unusual share.
std::int64_t enough_things(const BlastRule& rule, std::int64_t open);

struct Rules {
  Caps caps;
  BlastRule blast;
};

}  // namespace mayfly::dispatch
