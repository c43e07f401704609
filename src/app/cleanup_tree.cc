#include "app/cleanup_tree.h"

#include <algorithm>

#include "app/audit.h"
#include "app/ids.h"

namespace mayfly::cleanup_tree {

namespace {

// Steps of one stage that wait for the one before it: what is planted while a tree grows waits for nothing.
constexpr std::size_t most_released = 100;
// Children that one retry looks at: a person can ask again, and the writer serves others too.
constexpr std::size_t most_looked_at = 10'000;

Task seedling(Transaction& t, Random& random, const Resource& resource, Verb verb, const EventId& source) {
  Task task;
  task.id = {new_id("clt_", t, random)};
  task.verb = verb;
  task.resource = resource.id;
  task.workspace = resource.workspace;
  task.source = source;
  task.created_at = t.now();
  return task;
}

void make_ready(Transaction& t, Task& task) {
  task.phase = Phase::ready;
  task.work.next_attempt_at = t.now();
  t.wakes.work(lane_of(task.verb));
}

Status release_stage(Transaction& t, const TaskId& parent, int stage) {
  for (auto child : TRY(t.tasks().open_children(parent, stage, most_released))) {
    if (child.phase != Phase::waiting) continue;
    make_ready(t, child);
    TRY(t.tasks().update(child));
  }
  return {};
}

Status tell(Transaction& t, Random& random, const Task& task) {
  if (!resource_level(task.verb)) return {};
  Resource subject;
  subject.id = task.resource;
  subject.workspace = task.workspace;
  std::map<std::string, std::string> data = {{"task", task.id.text}, {"verb", std::string(name(task.verb))}};
  if (!task.work.last_error.empty()) data["error"] = task.work.last_error;
  TRY(audit(t, random, Caller::system("cleanup", task.workspace), "cleanup." + std::string(name(status_of(task.phase))),
            subject, std::move(data), task.source));
  return {};
}

Status complete_parent(Transaction& t, Random& random, Task parent) {
  parent.phase = Phase::completed;
  parent.completed_at = t.now();
  parent.work.last_error.clear();
  parent.work.error_code.clear();
  return settle(t, random, parent);
}

/// When nothing of `stage` can still move and one of it failed, the parent fails with that one.
Status fail_parent_if_stuck(Transaction& t, Random& random, Task parent, int stage) {
  const auto open = TRY(t.tasks().open_children(parent.id, stage, 1));
  if (open.empty() || open.front().phase != Phase::failed || parent.phase == Phase::failed) return {};
  const Task& failed = open.front();
  parent.phase = Phase::failed;
  parent.work.error_code = "child_failed";
  parent.work.last_error = std::string(name(failed.verb)) + " " + failed.id.text + ": " + failed.work.last_error;
  return settle(t, random, parent);
}

}  // namespace

Result<TaskId> plant(Transaction& t, Random& random, const Resource& resource, const DeletePolicy& policy,
                     const EventId& source, std::map<std::string, std::string> metadata,
                     const std::optional<Branch>& branch) {
  Task root = seedling(t, random, resource, cleanup::root_verb(resource.kind), source);
  root.root = branch ? branch->root : root.id;
  if (branch) {
    root.parent = branch->parent;
    root.stage = branch->stage;
  }
  root.phase = Phase::children;
  root.started_at = t.now();
  root.metadata = std::move(metadata);
  TRY(t.tasks().insert(root));

  const auto steps = cleanup::steps_for(resource.kind, policy);
  for (const auto& step : steps) {
    Task child = seedling(t, random, resource, step.verb, source);
    child.root = root.root;
    child.parent = root.id;
    child.stage = step.stage;
    if (step.stage == steps.front().stage) make_ready(t, child);
    TRY(t.tasks().insert(child));
  }
  return root.id;
}

Status settle(Transaction& t, Random& random, const Task& task) {
  TRY(t.tasks().update(task));
  const auto status = status_of(task.phase);
  if (status != TaskStatus::completed && status != TaskStatus::failed) return {};
  TRY(tell(t, random, task));
  t.wakes.settled.push_back(task.resource);  // of a failure too: callers may wait for the end of this task
  if (!task.parent) return {};

  const Task parent = TRY(t.tasks().get(task.parent));
  const auto open = TRY(t.tasks().open_stage(task.parent));
  if (!open) return complete_parent(t, random, parent);
  if (*open > task.stage) return release_stage(t, task.parent, *open);
  return fail_parent_if_stuck(t, random, parent, task.stage);
}

Status retry(Transaction& t, const Task& task) {
  if (task.phase == Phase::children || (task.phase == Phase::failed && task.work.error_code == "child_failed")) {
    bool any = false;
    const auto stage = TRY(t.tasks().open_stage(task.id));
    for (const auto& child : stage ? TRY(t.tasks().open_children(task.id, *stage, most_looked_at))
                                   : std::vector<Task>()) {
      if (child.phase != Phase::failed && child.phase != Phase::stuck && child.phase != Phase::backing_off) continue;
      TRY(retry(t, child));
      any = true;
    }
    if (!any) TRY(cleanup::retried(task, t.now()));  // nothing below waits: says so
    return {};
  }
  Task again = TRY(cleanup::retried(task, t.now()));
  t.wakes.work(lane_of(again.verb));
  TRY(t.tasks().update(again));
  for (auto id = task.parent; id;) {
    Task ancestor = TRY(t.tasks().get(id));
    if (ancestor.phase == Phase::failed) {
      ancestor.phase = Phase::children;
      ancestor.work.last_error.clear();
      ancestor.work.error_code.clear();
      TRY(t.tasks().update(ancestor));
    }
    id = ancestor.parent;
  }
  return {};
}

}  // namespace mayfly::cleanup_tree
