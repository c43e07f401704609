#pragma once
// Which cleanup tasks begin next: those of all workspaces in turn, by priority, under caps, and none of what is paused
// or of a part that is down. The rows decide; what is held here is whose turn it is, and what broke lately.

#include <mutex>

#include "core/dispatch.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

class Dispatcher {
 public:
  Dispatcher(const dispatch::Rules& rules, Random& random) : rules_(rules), random_(random) {}

  using Take = std::function<Status(Task&)>;
  /// Takes up to `room` tasks of that lane that may begin now. `take` writes the claim, so that the next look does not
  /// find it again. A workspace of which an unusual share is being deleted is paused instead, with an event.
  Result<std::vector<Task>> choose(Transaction& t, Lane lane, std::size_t room, const Take& take);

  struct Look {
    bool any = false;              // something may begin now
    std::optional<Time> next;      // if not: when something may be due
  };
  /// Changes nothing.
  Result<Look> look(Transaction& t, Lane lane);

  /// A step whose stage came about in this transaction may begin without a turn of its own: its tree has had one.
  Result<bool> may_go_on(Transaction& t, const Task& task);

  /// An effect was begun, and how it ended.
  void began(const Task& task, Time now);
  void ended(const Task& task, const Status& outcome, Time now);

  struct PartState {
    dispatch::Part part;
    dispatch::Breaker breaker;
  };
  std::vector<PartState> parts() const;
  const dispatch::Rules& rules() const { return rules_; }

 private:
  struct Situation {
    std::vector<Pause> pauses;
    dispatch::InWork in_work;
    bool reading = false;
    std::set<ResourceId> usual;                  // of which no unusual share is being deleted
  };
  using Lines = std::map<ResourceId, std::vector<TaskLine>>;

  Result<Situation> situation(Transaction& t) const;
  Result<Lines> lines(Transaction& t, Lane lane, const ResourceId& from) const;
  bool allowed(const Situation& now, const TaskLine& line, Time at) const;
  Result<std::vector<Task>> take_turn(Transaction& t, Situation& now, const std::vector<TaskLine>& lines,
                                      std::size_t most, std::uint64_t turn, const Take& take);
  Result<bool> blast_stopped(Transaction& t, Situation& now, const ResourceId& workspace);

  const dispatch::Rules rules_;
  Random& random_;

  mutable std::mutex mutex_;
  struct Turns {
    // So many of each in its turn: few enough that one more workspace waits for milliseconds.
    dispatch::RoundRobin robin{4};
    std::map<ResourceId, std::uint64_t> taken;   // turns of those that have more than one priority waiting
  };
  std::array<Turns, 2> turns_;                   // by lane
  std::array<dispatch::Breaker, dispatch::parts.size()> breakers_;
};

}  // namespace mayfly
