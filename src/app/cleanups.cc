#include "app/cleanups.h"

#include <set>

#include "app/audit.h"

namespace mayfly {

namespace {

bool ended(const Task& task) {
  const auto status = status_of(task.phase);
  return status == TaskStatus::completed || status == TaskStatus::failed;
}

}  // namespace

Result<Task> Cleanups::visible(Transaction& t, const Caller& caller, const TaskId& id) const {
  auto task = t.tasks().get(id);
  if (!task && task.error().code != Code::not_found) return task;
  if (!task || task->workspace != caller.workspace)
    return fail(Code::not_found, "no cleanup task \"" + id.text.substr(0, 80) + "\" in this workspace",
                "cleanup_task_not_found");
  return task;
}

Result<Task> Cleanups::get(const Caller& caller, const TaskId& id) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id); });
}

void Cleanups::when_ended(const Caller& caller, const TaskId& id, Duration patience,
                          std::function<void(Result<Task>)> then) {
  auto task = get(caller, id);
  if (!task || ended(*task) || patience <= Duration::zero()) return then(std::move(task));
  waiting_.park(task->resource, clock_.now() + patience, [this, caller, id, then = std::move(then)](bool last) {
    auto now = get(caller, id);
    if (!last && now && !ended(*now)) return false;
    then(std::move(now));
    return true;
  });
}

Result<std::vector<Task>> Cleanups::list(const Caller& caller, TaskFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.tasks().list(filter, page); });
}

Result<std::vector<Task>> Cleanups::tree(const Caller& caller, const TaskId& id) {
  return store_.read([&](Transaction& t) -> Result<std::vector<Task>> {
    const Task top = TRY(visible(t, caller, id));
    const auto all = TRY(t.tasks().tree(top.root));
    std::set<TaskId> below = {top.id};
    std::vector<Task> found;
    for (const auto& task : all) {
      if (task.id != top.id && !below.contains(task.parent)) continue;
      below.insert(task.id);
      found.push_back(task);
    }
    return found;
  });
}

Result<Task> Cleanups::retry(const Caller& caller, const TaskId& id) {
  TRY(require(caller, Role::admin));
  return store_.write([&](Transaction& t) -> Result<Task> {
    const Task task = TRY(visible(t, caller, id));
    TRY(cleanup_tree::retry(t, task));
    Resource subject;
    subject.id = task.resource;
    subject.workspace = task.workspace;
    TRY(audit(t, random_, caller, "cleanup.retried", subject, {{"task", task.id.text}}));
    return t.tasks().get(id);
  });
}

Result<std::vector<Event>> Cleanups::events(const Caller& caller, EventFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.events().list(filter, page); });
}

}  // namespace mayfly
