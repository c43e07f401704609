#pragma once

#include <functional>

#include "app/cleanup_tree.h"
#include "app/waiting.h"
#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Those of their own workspace; and an admin's key that is of no workspace, also those of one that nobody can act in
/// any more.
Result<bool> sees_deletes_of(Transaction& t, const Caller& caller, const ResourceId& workspace);

/// Looking at deletes, and trying a stuck one again.
class Cleanups {
 public:
  Cleanups(Store& store, Waiting& waiting, Random& random, const Clock& clock)
      : store_(store), waiting_(waiting), random_(random), clock_(clock) {}

  Result<Task> get(const Caller& caller, const TaskId& id);
  /// Calls back with the task as soon as it is completed or failed, or as it is when `patience` has passed.
  void when_ended(const Caller& caller, const TaskId& id, Duration patience, std::function<void(Result<Task>)> then);
  Result<std::vector<Task>> list(const Caller& caller, TaskFilter filter, const Page& page);
  struct TreePart {
    std::optional<std::size_t> depth;          // below the task; 0: only itself
    std::optional<std::size_t> limit;          // so many, the ones above first
  };
  /// The task and all below it, parents first. invalid "tree_too_large": more than anybody reads, and no part of it was
  /// asked for.
  Result<std::vector<Task>> tree(const Caller& caller, const TaskId& id, const TreePart& part = {});
  enum class Retry { failed, failed_or_waiting };
  /// conflict: it neither failed nor waits for its next try. Whoever may see the task and not retry it is denied; to
  /// others there is none.
  Result<Task> retry(const Caller& caller, const TaskId& id, Retry which = Retry::failed_or_waiting);

  /// The same caller, looking from the workspace of that id: an admin, at one that nobody can act in any more. Nothing
  /// for anybody else and any other.
  Result<std::optional<Caller>> looking_at_closed(const Caller& caller, const std::string& workspace);

  Result<std::vector<Event>> events(const Caller& caller, EventFilter filter, const Page& page);

 private:
  Result<Task> visible(Transaction& t, const Caller& caller, const TaskId& id) const;

  Store& store_;
  Waiting& waiting_;
  Random& random_;
  const Clock& clock_;
};

}  // namespace mayfly
