#include <algorithm>

#include "store/memory/record_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

namespace {

bool matches(const TaskFilter& filter, const Task& task) {
  if (filter.workspace && task.workspace != filter.workspace) return false;
  if (filter.resource && task.resource != *filter.resource) return false;
  if (filter.status && status_of(task.phase) != *filter.status) return false;
  return filter.steps || resource_level(task.verb);
}

Task as_it_is(const Task& row) { return row; }

}  // namespace

Result<Task> MemoryTaskTable::get(const TaskId& id) {
  const auto* row = look_up(draft_.rows().tasks, id);
  if (!row) return tl::unexpected(rules::missing("cleanup task", id.text));
  return *row;
}

Status MemoryTaskTable::insert(const Task& task) {
  if (draft_.rows().tasks.contains(task.id)) return tl::unexpected(rules::id_taken(task.id.text));
  return draft_.put(&Rows::tasks, task.id, task);
}

Status MemoryTaskTable::update(const Task& task) {
  const auto* row = look_up(draft_.rows().tasks, task.id);
  CHECK(row && rules::same_identity(*row, task));
  return draft_.put(&Rows::tasks, task.id, task);
}

Result<std::vector<Task>> MemoryTaskTable::children(const TaskId& parent) {
  std::vector<Task> found;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (parent && row.parent == parent) found.push_back(row);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.stage < b.stage; });
  return found;
}

Result<std::vector<Task>> MemoryTaskTable::tree(const TaskId& root) {
  std::vector<Task> found;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (row.root == root) found.push_back(row);
  return found;
}

Result<std::vector<Task>> MemoryTaskTable::list(const TaskFilter& filter, const Page& page) {
  return newest(
      draft_.rows().tasks, page, [&](const Task& row) { return matches(filter, row); }, as_it_is);
}

Result<std::optional<int>> MemoryTaskTable::open_stage(const TaskId& parent) {
  std::optional<int> lowest;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (parent && row.parent == parent && row.phase != Phase::completed && (!lowest || row.stage < *lowest))
      lowest = row.stage;
  return lowest;
}

Result<std::vector<Task>> MemoryTaskTable::open_children(const TaskId& parent, int stage, std::size_t limit) {
  std::vector<Task> found;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (parent && row.parent == parent && row.stage == stage && row.phase != Phase::completed) found.push_back(row);
  std::ranges::stable_sort(found, {}, [](const Task& task) { return status_of(task.phase); });
  if (found.size() > limit) found.resize(limit);
  return found;
}

Result<std::vector<Task>> MemoryTaskTable::claimable(Lane lane, Time now, std::size_t limit) {
  std::vector<Task> due;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (rules::queue_of(row) == lane && *row.work.next_attempt_at <= now) due.push_back(row);
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a.work.next_attempt_at < b.work.next_attempt_at; });
  if (due.size() > limit) due.resize(limit);
  return due;
}

Result<std::optional<Time>> MemoryTaskTable::next_attempt(Lane lane) {
  std::optional<Time> first;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (rules::queue_of(row) == lane && (!first || *row.work.next_attempt_at < *first))
      first = row.work.next_attempt_at;
  return first;
}

Status MemoryTaskTable::release_claims_of_others(std::int64_t epoch, Time now) {
  std::vector<Task> claimed, too_late;
  for (const auto& [id, row] : draft_.rows().tasks) {
    if (row.work.claim != 0 && row.work.claim != epoch) claimed.push_back(row);
    if (rules::queue_of(row) && *row.work.next_attempt_at > now + rules::longest_wait) too_late.push_back(row);
  }
  for (auto& task : claimed) TRY(update(rules::released(std::move(task), now)));
  for (auto& task : too_late) {
    task.work.next_attempt_at = now;
    TRY(update(task));
  }
  return {};
}

Result<std::vector<std::pair<TaskStatus, std::int64_t>>> MemoryTaskTable::count_by_status() {
  std::map<TaskStatus, std::int64_t> counts;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (resource_level(row.verb)) ++counts[status_of(row.phase)];
  return std::vector<std::pair<TaskStatus, std::int64_t>>(counts.begin(), counts.end());
}

Result<std::vector<OpenTasks>> MemoryTaskTable::open_by_verb() {
  std::map<std::pair<Verb, TaskStatus>, OpenTasks> open;
  for (const auto& [id, row] : draft_.rows().tasks) {
    const auto status = status_of(row.phase);
    if (!resource_level(row.verb) || status == TaskStatus::completed) continue;
    auto [found, is_new] = open.try_emplace({row.verb, status}, OpenTasks{row.verb, status, 0, row.created_at});
    ++found->second.count;
    found->second.oldest = std::min(found->second.oldest, row.created_at);
  }
  std::vector<OpenTasks> all;
  for (const auto& [key, tasks] : open) all.push_back(tasks);
  return all;
}

}  // namespace mayfly::memory
