#pragma once

#include <functional>

#include "app/cleanup_tree.h"
#include "app/waiting.h"
#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Looking at deletes, and trying a stuck one again.
class Cleanups {
 public:
  Cleanups(Store& store, Waiting& waiting, Random& random, const Clock& clock)
      : store_(store), waiting_(waiting), random_(random), clock_(clock) {}

  Result<Task> get(const Caller& caller, const TaskId& id);
  /// Calls back with the task as soon as it is completed or failed, or as it is when `patience` has passed.
  void when_ended(const Caller& caller, const TaskId& id, Duration patience, std::function<void(Result<Task>)> then);
  Result<std::vector<Task>> list(const Caller& caller, TaskFilter filter, const Page& page);
  /// The task and all below it, parents first.
  Result<std::vector<Task>> tree(const Caller& caller, const TaskId& id);
  /// conflict: it neither failed nor waits for its next try.
  Result<Task> retry(const Caller& caller, const TaskId& id);

  Result<std::vector<Event>> events(const Caller& caller, EventFilter filter, const Page& page);

 private:
  Result<Task> visible(Transaction& t, const Caller& caller, const TaskId& id) const;

  Store& store_;
  Waiting& waiting_;
  Random& random_;
  const Clock& clock_;
};

}  // namespace mayfly
