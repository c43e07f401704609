#pragma once

#include "app/cleanup_tree.h"
#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Looking at deletes, and trying a stuck one again.
class Cleanups {
 public:
  Cleanups(Store& store, Random& random) : store_(store), random_(random) {}

  Result<Task> get(const Caller& caller, const TaskId& id);
  Result<std::vector<Task>> list(const Caller& caller, TaskFilter filter, const Page& page);
  /// The task and all below it, parents first.
  Result<std::vector<Task>> tree(const Caller& caller, const TaskId& id);
  /// conflict: it neither failed nor waits for its next try.
  Result<Task> retry(const Caller& caller, const TaskId& id);

  Result<std::vector<Event>> events(const Caller& caller, EventFilter filter, const Page& page);

 private:
  Result<Task> visible(Transaction& t, const Caller& caller, const TaskId& id) const;

  Store& store_;
  Random& random_;
};

}  // namespace mayfly
