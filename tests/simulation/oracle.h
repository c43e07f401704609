#pragma once
// What must be true, in terms of what callers asked for and were told, what was committed, and what the host holds. The
// letters are those of ARCHITECTURE.md, "Invariants". It looks at what each commit changed, in the order of commits; at
// everything after a crash and when all is at rest.

#include <map>
#include <set>
#include <span>
#include <string>

#include "ports/store.h"
#include "simulation/host.h"
#include "store/memory/rows.h"

namespace mayfly::simulation {

class Oracle {
 public:
  Oracle(const memory::Rows& rows, const Host& host, const VirtualClock& clock) : rows_(rows), host_(host),
                                                                                clock_(clock) {}
  std::function<void(const std::string&)> report;

  // What callers ask for: what may end because of them.
  void asks_for_an_end(const ResourceId& id) { asked_.insert(id); }
  void asks_for_a_sweep() { swept_ = true; }
  void asks_again(const ResourceId& of_task) { retried_.insert(of_task); }

  // What callers were told.
  void created(const Sandbox& sandbox) { created_.insert(sandbox.resource.id); }
  void extended(const ResourceId& id, Time promised);
  void delete_accepted(const ResourceId& id) { deleted_.insert(id); }

  // What happens.
  void written(std::span<const memory::Change> changes);          // by one closure, whose commit is to come
  void durable(std::span<const memory::Change> changes);          // one closure of a commit, before its answer
  void committed(std::span<const memory::Change> changes);        // all of them
  void effect(std::string_view call, const Incarnation& to);      // is about to be carried out
  void erasing(const LayerRef& layer, const std::string& bytes);  // bytes are about to be gone for ever
  void back_after(const Downtime& down);                          // a server is there again
  std::set<ResourceId> overdue(const Downtime& down) const;       // before a pass of the deadlines
  void fired(const std::set<ResourceId>& were_overdue, Moment then, const Downtime& down);   // after it
  void at_rest(const Downtime& down);                             // no fault is left, and everything has had its time

  std::size_t promises = 0, kept_archives = 0, erased = 0, races = 0;

 private:
  void event(const Event& event);
  void sandbox(const ResourceId& id);
  void ending(const Sandbox& sandbox, const Lifetime& life);
  void task(const TaskId& id);
  void verified(const ResourceId& holder, const ResourceId& archive);
  void remembered();
  void sandbox_at_rest(const Sandbox& sandbox, const Downtime& down);
  void host_at_rest();
  void archives_at_rest();
  const Sandbox* row_of(const Uuid& uid) const;

  const memory::Rows& rows_;
  const Host& host_;
  const VirtualClock& clock_;
  struct Respite {
    Time until{}, since{};
    Trigger of{};
  };
  std::map<EventId, Lifetime> told_with_;            // how its sandbox stood when an event was written
  std::map<ResourceId, Time> promised_;
  std::map<ResourceId, Respite> respites_;           // after a downtime, for what was not used since
  std::map<ResourceId, Time> endings_;               // seen so far: each is judged once
  std::map<ResourceId, std::string> archived_;       // what a verified archive holds
  std::map<TaskId, std::set<TaskId>> children_;
  std::map<TaskId, Phase> phases_;                   // as last seen
  std::map<TaskId, int> completions_;                // told of by events
  std::set<ResourceId> asked_, retried_, created_, deleted_;
  bool swept_ = false;
};

}  // namespace mayfly::simulation
