#include "app/cleanup_tree.h"

#include <algorithm>

#include "app/audit.h"
#include "app/ids.h"

namespace mayfly::cleanup_tree {

namespace {

Task seedling(Transaction& t, Random& random, const Resource& resource, Verb verb, const EventId& source,
              Priority priority) {
  Task task;
  task.id = {new_id("clt_", t, random)};
  task.verb = verb;
  task.resource = resource.id;
  task.workspace = resource.workspace;
  task.source = source;
  task.priority = priority;
  task.created_at = t.now();
  return task;
}

void make_ready(Transaction& t, Task& task) {
  task.phase = Phase::ready;
  task.work.next_attempt_at = t.now();
  t.wakes.work(lane_of(task.verb));
}

// Children of one status that one retry looks at: a person can ask again, and the writer serves others too.
constexpr std::size_t most_looked_at = 10'000;

// All of a stage: those who plant it did so in one transaction.
constexpr std::size_t whole_stage = 1'000'000;

Status release_stage(Transaction& t, const TaskId& parent, int stage) {
  for (auto child : TRY(t.tasks().children_in(parent, stage, TaskStatus::pending, whole_stage))) {
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

/// Nothing of `stage` can still move and one of it failed: the parent fails with that one.
Status fail_parent(Transaction& t, Random& random, Task parent, int stage) {
  const auto failed = TRY(t.tasks().children_in(parent.id, stage, TaskStatus::failed, 1));
  if (failed.empty() || parent.phase == Phase::failed) return {};
  const auto& child = failed.front();
  const bool cancelled = child.work.error_code == "cancelled";
  parent.phase = Phase::failed;
  parent.work.error_code = cancelled ? "cancelled" : "child_failed";
  parent.work.last_error = cancelled ? child.work.last_error
                                     : std::string(name(child.verb)) + " " + child.id.text + ": " +
                                           child.work.last_error;
  return settle(t, random, parent);
}

}  // namespace

Result<TaskId> plant(Transaction& t, Random& random, const Resource& resource, const DeletePolicy& policy,
                     const EventId& source, std::map<std::string, std::string> metadata,
                     const std::optional<Branch>& branch) {
  const auto reason = metadata.find("reason");
  const auto priority =
      branch ? TRY(t.tasks().get(branch->parent)).priority
             : priority_of(reason == metadata.end() ? std::string_view() : std::string_view(reason->second));
  Task root = seedling(t, random, resource, cleanup::root_verb(resource.kind), source, priority);
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
    Task child = seedling(t, random, resource, step.verb, source, priority);
    child.root = root.root;
    child.parent = root.id;
    child.stage = step.stage;
    if (step.stage == steps.front().stage) make_ready(t, child);
    TRY(t.tasks().insert(child));
  }
  return root.id;
}

Status hold_steps(Transaction& t, const TaskId& root) {
  for (auto step : TRY(t.tasks().children_in(root, std::nullopt, TaskStatus::pending, most_looked_at))) {
    if (step.phase != Phase::ready || resource_level(step.verb)) continue;
    step.phase = Phase::waiting;
    step.work.next_attempt_at.reset();
    TRY(t.tasks().update(step));
  }
  return {};
}

Status settle(Transaction& t, Random& random, const Task& task) {
  TRY(t.tasks().update(task));
  const auto status = status_of(task.phase);
  if (status != TaskStatus::completed && status != TaskStatus::failed) return {};
  TRY(tell(t, random, task));
  t.wakes.settled.push_back(task.resource);  // of a failure too: callers may wait for the end of this task
  if (!task.parent) return {};

  const auto open = TRY(t.tasks().open_stage(task.parent));
  if (!open) return complete_parent(t, random, TRY(t.tasks().get(task.parent)));
  if (!open->moves) return fail_parent(t, random, TRY(t.tasks().get(task.parent)), open->stage);
  if (open->stage > task.stage) return release_stage(t, task.parent, open->stage);
  return {};
}

namespace {

/// A later stage waits, whatever became of it before.
Status wait_again(Transaction& t, Task child) {
  child.phase = Phase::waiting;
  child.work = {};
  return t.tasks().update(child);
}

/// Those that have not completed.
Result<std::vector<Task>> open_children(Transaction& t, const TaskId& parent) {
  std::vector<Task> found;
  for (const auto status : {TaskStatus::failed, TaskStatus::in_progress, TaskStatus::pending})
    for (auto& child : TRY(t.tasks().children_in(parent, std::nullopt, status, most_looked_at)))
      found.push_back(std::move(child));
  return found;
}

bool failed_below(const Task& task) {
  return task.phase == Phase::failed &&
         (task.work.error_code == "child_failed" || (task.work.error_code == "cancelled" && resource_level(task.verb)));
}

}  // namespace

Status revive(Transaction& t, const TaskId& first) {
  for (auto id = first; id;) {
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

Status retry(Transaction& t, const Task& task) {
  if (task.phase == Phase::children || failed_below(task)) {
    const auto open = TRY(t.tasks().open_stage(task.id));
    bool any = false;
    for (const auto& child : TRY(open_children(t, task.id))) {
      if (child.phase != Phase::failed && child.phase != Phase::stuck && child.phase != Phase::backing_off) continue;
      if (child.stage > open->stage) {
        TRY(wait_again(t, child));
        continue;
      }
      TRY(retry(t, child));
      any = true;
    }
    if (any) return {};
    // Nothing below waits for anything: that is said, unless there is nothing below.
    if (task.phase == Phase::children || !TRY(t.tasks().children(task.id)).empty()) {
      TRY(cleanup::retried(task, t.now()));
      return {};
    }
  }
  Task again = TRY(cleanup::retried(task, t.now()));
  // One of a later stage that somebody asked for by itself has its turn after those before it.
  const auto open = task.parent ? TRY(t.tasks().open_stage(task.parent)) : std::nullopt;
  if (open && open->stage < task.stage) {
    TRY(wait_again(t, std::move(again)));
  } else {
    t.wakes.work(lane_of(again.verb));
    TRY(t.tasks().update(again));
  }
  return revive(t, task.parent);
}

Result<bool> past_no_return(Transaction& t, const Task& task) {
  if (act_of(task.verb) == Act::destroy) return task.phase == Phase::running;
  // What has things in it has no files; theirs are their own.
  if (task.phase != Phase::children || !describe(kind_of(task.verb)).has_bytes) return false;
  for (const auto& step : TRY(t.tasks().children(task.id)))
    if (act_of(step.verb) == Act::destroy && (step.phase == Phase::running || step.phase == Phase::completed))
      return true;
  return false;
}

Result<std::size_t> cancel(Transaction& t, Random& random, const Caller& caller, const Task& task, std::size_t most) {
  std::size_t changed = 0;
  if (cleanup::not_begun(task.phase)) {
    TRY(settle(t, random, cleanup::cancelled(task, caller.actor)));
    return 1;
  }
  const bool at_work = task.phase == Phase::running && act_of(task.verb) == Act::empty;
  if (at_work && !task.metadata.contains(cleanup::cancelled_by)) {
    // It looks before each batch of deletes that it begins.
    Task told = task;
    told.metadata[cleanup::cancelled_by] = caller.actor;
    TRY(t.tasks().update(told));
    return 1;
  }
  if (task.phase != Phase::children || TRY(past_no_return(t, task))) return changed;
  // The last stages first: none of them is released by the end of an earlier one meanwhile.
  for (const auto& child : TRY(t.tasks().children_in(task.id, std::nullopt, TaskStatus::pending, most))) {
    TRY(settle(t, random, cleanup::cancelled(child, caller.actor)));
    if (++changed == most) return changed;
  }
  for (const auto& child : TRY(t.tasks().children_in(task.id, std::nullopt, TaskStatus::in_progress, whole_stage))) {
    if (changed == most) break;
    changed += TRY(cancel(t, random, caller, child, most - changed));
  }
  return changed;
}

namespace {

/// Of what has files or processes; images and archives too.
bool skippable(Verb verb) {
  const auto act = act_of(verb);
  return act != Act::forget && act != Act::empty && (act != Act::confirm || kinds_in(kind_of(verb)).empty());
}

Status skip_step(Transaction& t, Random& random, const Caller& caller, const Task& task, const std::string& reason) {
  // The rows are ours to take away, and what lies in a thing stays nowhere without it.
  if (!skippable(task.verb))
    return fail(Code::conflict,
                "cleanup task " + task.id.text + " leaves nothing outside that could stay: there is nothing to skip; "
                "retry it, or skip what it waits for",
                "task_not_skippable");
  TRY(t.cleanup_records().put_orphan({task.id, task.root, task.resource, task.workspace, task.verb, reason,
                                      caller.actor, t.now()}));
  // A parent that had failed because of it goes on.
  TRY(revive(t, task.parent));
  return settle(t, random, TRY(cleanup::skipped(task, caller.actor, reason, t.now())));
}

}  // namespace

Status skip(Transaction& t, Random& random, const Caller& caller, const Task& task, const std::string& reason) {
  const bool above = task.phase == Phase::children || failed_below(task);
  if (!above) return skip_step(t, random, caller, task, reason);
  for (const auto& listed : TRY(t.tasks().children(task.id))) {
    // Skipping the one before may have made it ready.
    const Task child = TRY(t.tasks().get(listed.id));
    if (child.phase == Phase::completed) continue;
    if (resource_level(child.verb) || skippable(child.verb)) {
      TRY(skip(t, random, caller, child, reason));
    } else if (child.phase == Phase::failed) {
      TRY(retry(t, child));
    }
  }
  return {};
}

}  // namespace mayfly::cleanup_tree
