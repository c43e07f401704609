#include "store/sql/task_table.h"

#include <algorithm>
#include <array>
#include <map>

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/sandbox_table.h"

namespace mayfly::sql {

namespace {

/// What a task is never changes, and six indexes are made of it: an update does not name these columns.
constexpr std::string_view fixed_columns =
    "root, parent, verb, resource_level, stage, resource, workspace, source, created_at, kind, priority";
constexpr std::string_view changing_columns =
    "metadata, phase, status, status_order, claim, attempts, next_attempt_at, last_error, error_code, started_at,"
    " completed_at, queue";

void append_changing(std::vector<Parameter>& values, const Task& task) {
  const auto& work = task.work;
  const auto queue = rules::queue_of(task);
  const auto status = status_of(task.phase);
  values.insert(values.end(), {to_json(task.metadata), name(task.phase), name(status), static_cast<int>(status),
                               work.claim, work.attempts, work.next_attempt_at, work.last_error, work.error_code,
                               task.started_at, task.completed_at,
                               queue ? Parameter(lane_word(*queue)) : Parameter(std::nullopt)});
}

Task read_task(Row& row) {
  Task task;
  task.id = row.id<TaskId>();
  task.root = row.id<TaskId>();
  task.parent = row.id<TaskId>();
  task.verb = row.word(parse_verb);
  row.flag();
  task.stage = row.small();
  task.resource = row.id<ResourceId>();
  task.workspace = row.id<ResourceId>();
  task.source = row.id<EventId>();
  task.created_at = row.time();
  row.text();
  task.priority = static_cast<Priority>(row.small());
  task.metadata = row.text_map();
  task.phase = row.word(parse_phase);
  row.text();
  row.integer();
  task.work.claim = row.integer();
  task.work.attempts = row.small();
  task.work.next_attempt_at = row.optional_time();
  task.work.last_error = row.text();
  task.work.error_code = row.text();
  task.started_at = row.optional_time();
  task.completed_at = row.optional_time();
  return task;
}

const std::string select =
    "SELECT id, " + std::string(fixed_columns) + ", " + std::string(changing_columns) + " FROM cleanup_task";

}  // namespace

Result<Task> SqlTaskTable::get(const TaskId& id) {
  static const auto text = select + " WHERE id = $1";
  auto found = TRY(database_.first(text, {id}, read_task));
  if (!found) return tl::unexpected(rules::missing("cleanup task", id.text));
  return std::move(*found);
}

Status SqlTaskTable::insert(const Task& task) {
  static const auto text =
      insert_text("cleanup_task", std::string(fixed_columns) + ", " + std::string(changing_columns));
  std::vector<Parameter> values = {task.id,
                                   task.root,
                                   task.parent,
                                   name(task.verb),
                                   resource_level(task.verb),
                                   task.stage,
                                   task.resource,
                                   task.workspace,
                                   task.source,
                                   task.created_at,
                                   describe(kind_of(task.verb)).name,
                                   static_cast<int>(task.priority)};
  append_changing(values, task);
  if (TRY(database_.exec(text, values)) == 0) return tl::unexpected(rules::id_taken(task.id.text));
  return resource_level(task.verb) ? count(task) : Status();
}

Status SqlTaskTable::update(const Task& task) {
  static const auto text = update_text("cleanup_task", changing_columns);
  if (resource_level(task.verb)) TRY(recount(task));
  std::vector<Parameter> values = {task.id};
  append_changing(values, task);
  const auto changed = TRY(database_.exec(text, values));
  CHECK(changed == 1);
  return {};
}

/// One more of its workspace, verb and status.
Status SqlTaskTable::count(const Task& task) {
  TRY(database_.exec(R"(
      INSERT INTO cleanup_task_count (workspace, verb, status, tasks)
      VALUES ($1, $2, $3, 1)
      ON CONFLICT (workspace, verb, status) DO UPDATE SET tasks = cleanup_task_count.tasks + 1)",
                     {task.workspace, name(task.verb), name(status_of(task.phase))}));
  return {};
}

/// Before the row is changed: from the status it has there to the one it gets.
Status SqlTaskTable::recount(const Task& task) {
  const auto moved = TRY(database_.exec(R"(
      UPDATE cleanup_task_count
      SET tasks = tasks - 1
      WHERE workspace = $1
      AND verb = $2
      AND status = (SELECT status FROM cleanup_task WHERE id = $3 AND status <> $4))",
                                        {task.workspace, name(task.verb), task.id, name(status_of(task.phase))}));
  return moved == 1 ? count(task) : Status();
}

Result<std::vector<Task>> SqlTaskTable::children(const TaskId& parent) {
  static const auto text = select + R"(
      WHERE parent = $1
      AND parent <> ''
      ORDER BY stage, id)";
  return database_.all(text, {parent}, read_task);
}

Result<std::vector<Task>> SqlTaskTable::tree(const TaskId& root) {
  static const auto text = select + R"(
      WHERE root = $1
      ORDER BY id)";
  return database_.all(text, {root}, read_task);
}

Result<std::vector<Task>> SqlTaskTable::list(const TaskFilter& filter, const Page& page) {
  Query query(select);
  query.add(" WHERE 1 = 1");
  if (filter.workspace) query.add(" AND workspace = ?", {filter.workspace});
  if (filter.resource) query.add(" AND resource = ?", {*filter.resource});
  if (filter.status) query.add(" AND status = ?", {name(*filter.status)});
  // Said again, so that the index of what is open is found.
  if (filter.status && *filter.status != TaskStatus::completed) query.add(" AND status <> 'completed'");
  if (!filter.steps) query.add(" AND resource_level = 1");
  if (!page.before.empty()) query.add(" AND id < ?", {page.before});
  query.add(" ORDER BY id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_task);
}

/// Three looks at the ends of ranges of one index, one for each status that is not `completed`.
Result<std::optional<OpenStage>> SqlTaskTable::open_stage(const TaskId& parent) {
  static const auto lowest = [](TaskStatus status) {
    return "(SELECT stage FROM cleanup_task WHERE parent = $1 AND parent <> '' AND status <> 'completed'"
           " AND status_order = " + std::to_string(static_cast<int>(status)) + " ORDER BY stage LIMIT 1)";
  };
  static const auto text = "SELECT COALESCE(" + lowest(TaskStatus::pending) + ", -1), COALESCE(" +
                           lowest(TaskStatus::in_progress) + ", -1), COALESCE(" + lowest(TaskStatus::failed) + ", -1)";
  std::array<std::int64_t, 3> stages = {-1, -1, -1};
  TRY(database_.query(text, {parent}, [&](Row& row) {
    for (auto& stage : stages) stage = row.integer();
  }));
  std::optional<OpenStage> open;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (stages[i] < 0) continue;
    const bool moves = i < 2;
    const auto stage = static_cast<int>(stages[i]);
    if (!open || stage < open->stage) open = OpenStage{stage, moves};
    else if (stage == open->stage) open->moves |= moves;
  }
  return open;
}

Result<std::vector<Task>> SqlTaskTable::children_in(const TaskId& parent, std::optional<int> stage, TaskStatus status,
                                                    std::size_t limit) {
  static const auto open = select + R"(
      WHERE parent = $1
      AND parent <> ''
      AND status <> 'completed'
      AND status_order = $2)";
  static const auto of_one = open + R"(
      AND stage = $4
      ORDER BY id
      LIMIT $3)";
  static const auto of_all = open + R"(
      ORDER BY stage DESC, id
      LIMIT $3)";
  CHECK(status != TaskStatus::completed);
  const auto order = static_cast<int>(status);
  if (stage) return database_.all(of_one, {parent, order, limit, *stage}, read_task);
  return database_.all(of_all, {parent, order, limit}, read_task);
}

/// Each look leaps over all that wait in a line.
Result<std::vector<TaskLine>> SqlTaskTable::lines(Lane lane, const ResourceId& from, std::size_t limit) {
  std::vector<TaskLine> lines;
  TaskLine last{lane, from, Kind::sandbox};
  std::string_view kind = "";
  while (lines.size() < limit) {
    const auto next = TRY(database_.first(R"(
      SELECT workspace, kind
      FROM cleanup_task
      WHERE queue = $1
      AND (workspace, kind) > ($2, $3)
      ORDER BY workspace, kind
      LIMIT 1)",
                                          {lane_word(lane), last.workspace, kind}, [&](Row& row) {
                                            TaskLine line;
                                            line.lane = lane;
                                            line.workspace = row.id<ResourceId>();
                                            line.kind = row.word(parse_kind);
                                            return line;
                                          }));
    if (!next) break;
    last = *next;
    kind = describe(last.kind).name;
    lines.push_back(last);
  }
  return lines;
}

Result<std::vector<Task>> SqlTaskTable::claimable(const TaskLine& line, Priority priority, Time now,
                                                  std::size_t limit) {
  static const auto text = select + R"(
      WHERE queue = $1
      AND workspace = $2
      AND kind = $3
      AND priority = $4
      AND next_attempt_at <= $5
      ORDER BY next_attempt_at, id
      LIMIT $6)";
  return database_.all(text, {lane_word(line.lane), line.workspace, describe(line.kind).name,
                              static_cast<int>(priority), now, limit},
                       read_task);
}

Result<std::optional<Time>> SqlTaskTable::next_attempt(Lane lane, Time after) {
  return database_.first_time(R"(
      SELECT next_attempt_at
      FROM cleanup_task
      WHERE queue = $1
      AND next_attempt_at > $2
      ORDER BY next_attempt_at
      LIMIT 1)",
                              {lane_word(lane), after});
}

/// Summed up here: asked to group, SQLite walks the whole table in the order of the groups.
Result<std::vector<ClaimedTasks>> SqlTaskTable::claimed() {
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  TRY(database_.query(R"(
      SELECT workspace, verb
      FROM cleanup_task
      WHERE claim <> 0)",
                      {}, [&](Row& row) {
                        auto workspace = row.text();
                        ++counts[{std::move(workspace), row.text()}];
                      }));
  std::vector<ClaimedTasks> all;
  for (const auto& [what, count] : counts) {
    const auto verb = parse_verb(what.second);
    CHECK(verb);
    all.push_back({{what.first}, *verb, count});
  }
  return all;
}

Result<std::vector<PhaseCount>> SqlTaskTable::by_phase(const TaskId& root) {
  auto phases = TRY(database_.all(R"(
      SELECT phase, COUNT(*), MIN(created_at)
      FROM cleanup_task
      WHERE root = $1
      GROUP BY phase)",
                                  {root}, [](Row& row) {
                                    PhaseCount phase;
                                    phase.phase = row.word(parse_phase);
                                    phase.count = row.integer();
                                    phase.oldest = row.time();
                                    return phase;
                                  }));
  std::sort(phases.begin(), phases.end(), [](const auto& a, const auto& b) { return a.phase < b.phase; });
  return phases;
}

Result<std::int64_t> SqlTaskTable::open_deletes(const ResourceId& workspace) {
  std::int64_t open = 0;
  TRY(database_.query(R"(
      SELECT verb, tasks
      FROM cleanup_task_count
      WHERE workspace = $1
      AND status IN ('pending', 'in_progress'))",
                      {workspace}, [&](Row& row) {
                        const auto verb = row.word(parse_verb);
                        const auto tasks = row.integer();
                        if (describe(kind_of(verb)).has_bytes) open += tasks;
                      }));
  return open;
}

Result<std::vector<TaskId>> SqlTaskTable::completed_before(Time before, std::size_t limit) {
  return database_.all(R"(
      SELECT id
      FROM cleanup_task
      WHERE LENGTH(parent) = 0
      AND status = 'completed'
      AND completed_at < $1
      ORDER BY completed_at, id
      LIMIT $2)",
                       {before, limit}, [](Row& row) { return row.id<TaskId>(); });
}

Result<std::vector<Task>> SqlTaskTable::last_of(const TaskId& root, std::size_t limit) {
  static const auto text = select + R"(
      WHERE root = $1
      ORDER BY id DESC
      LIMIT $2)";
  return database_.all(text, {root, limit}, read_task);
}

Status SqlTaskTable::remove(const Task& task) {
  if (resource_level(task.verb))
    TRY(database_.exec(R"(
      UPDATE cleanup_task_count
      SET tasks = tasks - 1
      WHERE workspace = $1
      AND verb = $2
      AND status = (SELECT status FROM cleanup_task WHERE id = $3))",
                       {task.workspace, name(task.verb), task.id}));
  TRY(database_.exec("DELETE FROM cleanup_task WHERE id = $1", {task.id}));
  return {};
}

Status SqlTaskTable::release_claims_of_others(std::int64_t epoch, Time now) {
  static const auto text = select + R"(
      WHERE claim <> 0
      AND claim <> $1)";
  for (auto& task : TRY(database_.all(text, {epoch}, read_task))) TRY(update(rules::released(std::move(task), now)));
  static const auto too_late = select + R"(
      WHERE queue IS NOT NULL
      AND next_attempt_at > $1)";
  for (auto& task : TRY(database_.all(too_late, {now + rules::longest_wait}, read_task))) {
    task.work.next_attempt_at = now;
    TRY(update(task));
  }
  return {};
}

Result<std::vector<std::pair<TaskStatus, std::int64_t>>> SqlTaskTable::count_by_status() {
  auto counts = TRY(database_.all(R"(
      SELECT status, CAST(SUM(tasks) AS BIGINT)
      FROM cleanup_task_count
      GROUP BY status
      HAVING SUM(tasks) > 0)",
                                  {}, [](Row& row) {
                                    const auto status = row.word(parse_task_status);
                                    return std::pair(status, row.integer());
                                  }));
  std::sort(counts.begin(), counts.end());
  return counts;
}

Result<std::vector<OpenTasks>> SqlTaskTable::open_by_verb() {
  auto open = TRY(database_.all(R"(
      SELECT verb, status, COUNT(*), MIN(created_at)
      FROM cleanup_task
      WHERE resource_level = 1
      AND status <> 'completed'
      GROUP BY status, verb)",
                                {},
                                [](Row& row) {
                                  OpenTasks tasks;
                                  tasks.verb = row.word(parse_verb);
                                  tasks.status = row.word(parse_task_status);
                                  tasks.count = row.integer();
                                  tasks.oldest = service_time(row.integer());
                                  return tasks;
                                }));
  std::sort(open.begin(), open.end(), [](const OpenTasks& a, const OpenTasks& b) {
    return std::pair(a.verb, a.status) < std::pair(b.verb, b.status);
  });
  return open;
}

}  // namespace mayfly::sql
