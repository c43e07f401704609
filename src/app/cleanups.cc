#include "app/cleanups.h"

#include <algorithm>
#include <span>

#include "app/audit.h"

namespace mayfly {

namespace {

bool ended(const Task& task) {
  const auto status = status_of(task.phase);
  return status == TaskStatus::completed || status == TaskStatus::failed;
}

// What one answer holds, and no more than a person can look at.
constexpr std::size_t largest_tree = 10'000;

// Parents whose children are looked for in one statement.
constexpr std::size_t parents_at_once = 500;

/// The children of these, at most `limit` of them, in the order of their ids.
Result<std::vector<query::Row>> children_of(Transaction& t, const ResourceId& workspace,
                                            std::span<const query::Datum> parents, std::size_t limit) {
  const auto& tasks = query::entity(query::Listed::cleanup_task);
  query::Listing listing;
  listing.scope = workspace;
  listing.where = query::Condition::test(query::place_of(tasks, "parentId"), query::Op::in,
                                         {parents.begin(), parents.end()});
  listing.order = {{0, false, false}};
  listing.limit = limit;
  listing.total = query::Total::none;
  return TRY(t.lists().slice(listing)).rows;
}

}  // namespace

/// The deletes of a workspace are an admin's to look at while it goes and when it is gone: nobody is in it any more.
Result<bool> sees_deletes_of(Transaction& t, const Caller& caller, const ResourceId& workspace) {
  if (workspace == caller.workspace) return true;
  if (caller.role != Role::admin || !caller.only.empty() || kind_of_id(workspace.text) != Kind::workspace) return false;
  const auto row = t.resources().get(workspace);
  if (!row && row.error().code != Code::not_found) return tl::unexpected(row.error());
  return row && row->state != State::active;
}

Result<Task> Cleanups::visible(Transaction& t, const Caller& caller, const TaskId& id) const {
  auto task = t.tasks().get(id);
  if (!task && task.error().code != Code::not_found) return task;
  if (!task || !TRY(sees_deletes_of(t, caller, task->workspace)))
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

Result<std::vector<Task>> Cleanups::tree(const Caller& caller, const TaskId& id, const TreePart& part) {
  return store_.read([&](Transaction& t) -> Result<std::vector<Task>> {
    std::vector<Task> found = {TRY(visible(t, caller, id))};
    const auto most = part.limit.value_or(largest_tree);
    std::vector<query::Datum> level = {id.text};
    for (std::size_t depth = 0; !level.empty() && (!part.depth || depth < *part.depth); ++depth) {
      std::vector<query::Datum> below;
      for (std::size_t at = 0; at < level.size() && found.size() <= most; at += parents_at_once) {
        const auto parents = std::span(level).subspan(at, std::min(parents_at_once, level.size() - at));
        for (const auto& row : TRY(children_of(t, found.front().workspace, parents, most + 1 - found.size()))) {
          found.push_back(TRY(t.tasks().get({row.id})));
          below.emplace_back(row.id);
        }
      }
      level = std::move(below);
    }
    if (found.size() <= most) return found;
    if (!part.limit)
      return fail(Code::invalid,
                  "the tree of cleanup task " + id.text + " has more than " + std::to_string(largest_tree) +
                      " tasks; ask for a part of it with limit, or for fewer levels with depth",
                  "tree_too_large");
    found.resize(most);
    return found;
  });
}

Result<Task> Cleanups::retry(const Caller& caller, const TaskId& id, Retry which) {
  return store_.write([&](Transaction& t) -> Result<Task> {
    const Task task = TRY(visible(t, caller, id));
    TRY(require(caller, Role::admin));
    if (which == Retry::failed && task.phase != Phase::failed)
      return fail(Code::conflict,
                  "cleanup task " + id.text + " is " + std::string(name(status_of(task.phase))) +
                      "; only failed tasks can be retried",
                  "task_not_failed");
    TRY(cleanup_tree::retry(t, task));
    Resource subject;
    subject.id = task.resource;
    subject.workspace = task.workspace;
    TRY(audit(t, random_, caller, "cleanup.retried", subject, {{"task", task.id.text}}));
    return t.tasks().get(id);
  });
}

Result<std::optional<Caller>> Cleanups::looking_at_closed(const Caller& caller, const std::string& workspace) {
  return store_.read([&](Transaction& t) -> Result<std::optional<Caller>> {
    if (!TRY(sees_deletes_of(t, caller, {workspace}))) return std::optional<Caller>();
    auto there = caller;
    there.workspace = {workspace};
    return std::optional(std::move(there));
  });
}

Result<std::vector<Event>> Cleanups::events(const Caller& caller, EventFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.events().list(filter, page); });
}

}  // namespace mayfly
