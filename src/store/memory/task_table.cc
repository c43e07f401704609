#include <algorithm>
#include <set>

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

Result<std::optional<OpenStage>> MemoryTaskTable::open_stage(const TaskId& parent) {
  std::optional<OpenStage> lowest;
  for (const auto& [id, row] : draft_.rows().tasks) {
    if (!parent || row.parent != parent || row.phase == Phase::completed) continue;
    if (!lowest || row.stage < lowest->stage) lowest = OpenStage{row.stage, false};
    if (row.stage == lowest->stage && row.phase != Phase::failed) lowest->moves = true;
  }
  return lowest;
}

Result<std::vector<Task>> MemoryTaskTable::children_in(const TaskId& parent, std::optional<int> stage,
                                                       TaskStatus status, std::size_t limit) {
  std::vector<Task> found;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (parent && row.parent == parent && row.stage == stage.value_or(row.stage) && status_of(row.phase) == status)
      found.push_back(row);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.stage > b.stage; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

Result<std::vector<TaskLine>> MemoryTaskTable::lines(Lane lane, const ResourceId& from, std::size_t limit) {
  std::map<std::pair<ResourceId, std::string_view>, TaskLine> found;
  for (const auto& [id, row] : draft_.rows().tasks) {
    const auto kind = kind_of(row.verb);
    if (rules::queue_of(row) != lane || row.workspace < from) continue;
    found.try_emplace({row.workspace, describe(kind).name}, TaskLine{lane, row.workspace, kind});
  }
  std::vector<TaskLine> lines;
  for (const auto& [key, line] : found)
    if (lines.size() < limit) lines.push_back(line);
  return lines;
}

Result<std::vector<Task>> MemoryTaskTable::claimable(const TaskLine& line, Priority priority, Time now,
                                                     std::size_t limit) {
  std::vector<Task> due;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (rules::queue_of(row) == line.lane && row.workspace == line.workspace && kind_of(row.verb) == line.kind &&
        row.priority == priority && *row.work.next_attempt_at <= now)
      due.push_back(row);
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a.work.next_attempt_at < b.work.next_attempt_at; });
  if (due.size() > limit) due.resize(limit);
  return due;
}

Result<std::optional<Time>> MemoryTaskTable::next_attempt(Lane lane, Time after) {
  std::optional<Time> first;
  for (const auto& [id, row] : draft_.rows().tasks) {
    const auto at = row.work.next_attempt_at;
    if (rules::queue_of(row) == lane && *at > after && (!first || *at < *first)) first = at;
  }
  return first;
}

Result<std::vector<ClaimedTasks>> MemoryTaskTable::claimed() {
  std::map<std::pair<ResourceId, std::string_view>, ClaimedTasks> found;
  for (const auto& [id, row] : draft_.rows().tasks) {
    if (row.work.claim == 0) continue;
    auto& tasks = found.try_emplace({row.workspace, name(row.verb)}, ClaimedTasks{row.workspace, row.verb, 0})
                      .first->second;
    ++tasks.count;
  }
  std::vector<ClaimedTasks> all;
  for (const auto& [key, tasks] : found) all.push_back(tasks);
  return all;
}

Result<std::vector<PhaseCount>> MemoryTaskTable::by_phase(const TaskId& root) {
  std::map<Phase, PhaseCount> found;
  for (const auto& [id, row] : draft_.rows().tasks) {
    if (row.root != root) continue;
    auto& phase = found.try_emplace(row.phase, PhaseCount{row.phase, 0, row.created_at}).first->second;
    ++phase.count;
    phase.oldest = std::min(phase.oldest, row.created_at);
  }
  std::vector<PhaseCount> all;
  for (const auto& [phase, count] : found) all.push_back(count);
  return all;
}

Result<std::int64_t> MemoryTaskTable::open_deletes(const ResourceId& workspace) {
  std::int64_t open = 0;
  for (const auto& [id, row] : draft_.rows().tasks) {
    const auto status = status_of(row.phase);
    open += row.workspace == workspace && resource_level(row.verb) && describe(kind_of(row.verb)).has_bytes &&
            (status == TaskStatus::pending || status == TaskStatus::in_progress);
  }
  return open;
}

Result<std::vector<TaskId>> MemoryTaskTable::completed_before(Time before, std::size_t limit) {
  std::set<std::pair<Time, TaskId>> found;
  for (const auto& [id, row] : draft_.rows().tasks)
    if (!row.parent && row.phase == Phase::completed && row.completed_at && *row.completed_at < before)
      found.insert({*row.completed_at, id});
  std::vector<TaskId> ids;
  for (const auto& [at, id] : found)
    if (ids.size() < limit) ids.push_back(id);
  return ids;
}

Result<std::vector<Task>> MemoryTaskTable::last_of(const TaskId& root, std::size_t limit) {
  auto found = TRY(tree(root));
  std::reverse(found.begin(), found.end());
  if (found.size() > limit) found.resize(limit);
  return found;
}

Status MemoryTaskTable::remove(const Task& task) { return draft_.erase(&Rows::tasks, task.id); }

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
