#include "store/sql/cleanup_record_table.h"

#include "store/sql/columns.h"

namespace mayfly::sql {

namespace {

Attempt read_attempt(Row& row) {
  Attempt attempt;
  attempt.task = row.id<TaskId>();
  attempt.number = row.small();
  attempt.began_at = row.time();
  attempt.ended_at = row.time();
  attempt.error_code = row.text();
  attempt.error = row.text();
  return attempt;
}

Pause read_pause(Row& row) {
  Pause pause;
  pause.scope = row.text();
  pause.reason = row.text();
  pause.actor = row.text();
  pause.at = row.time();
  pause.tripped = row.flag();
  return pause;
}

Orphan read_orphan(Row& row) {
  Orphan orphan;
  orphan.task = row.id<TaskId>();
  orphan.root = row.id<TaskId>();
  orphan.resource = row.id<ResourceId>();
  orphan.workspace = row.id<ResourceId>();
  orphan.verb = row.word(parse_verb);
  orphan.reason = row.text();
  orphan.actor = row.text();
  orphan.at = row.time();
  return orphan;
}

}  // namespace

Status SqlCleanupRecordTable::add_attempt(const Attempt& attempt) {
  const auto last = TRY(database_.first(R"(
      SELECT number
      FROM cleanup_attempt
      WHERE task = $1
      ORDER BY number DESC
      LIMIT 1)",
                                        {attempt.task}, [](Row& row) { return row.small(); }));
  const int number = last.value_or(0) + 1;
  TRY(database_.exec(R"(
      INSERT INTO cleanup_attempt (task, number, began_at, ended_at, error_code, error)
      VALUES ($1, $2, $3, $4, $5, $6))",
                     {attempt.task, number, attempt.began_at, attempt.ended_at, attempt.error_code, attempt.error}));
  if (number > attempts_kept)
    TRY(database_.exec(R"(
      DELETE FROM cleanup_attempt
      WHERE task = $1
      AND number <= $2)",
                       {attempt.task, number - attempts_kept}));
  return {};
}

Result<std::vector<Attempt>> SqlCleanupRecordTable::attempts(const TaskId& task) {
  return database_.all(R"(
      SELECT task, number, began_at, ended_at, error_code, error
      FROM cleanup_attempt
      WHERE task = $1
      ORDER BY number)",
                       {task}, read_attempt);
}

Status SqlCleanupRecordTable::remove_attempts(const TaskId& task) {
  TRY(database_.exec("DELETE FROM cleanup_attempt WHERE task = $1", {task}));
  return {};
}

Result<std::vector<Pause>> SqlCleanupRecordTable::pauses() {
  return database_.all(R"(
      SELECT scope, reason, actor, paused_at, tripped
      FROM cleanup_pause
      ORDER BY scope)",
                       {}, read_pause);
}

Status SqlCleanupRecordTable::put_pause(const Pause& pause) {
  TRY(database_.exec(R"(
      INSERT INTO cleanup_pause (scope, reason, actor, paused_at, tripped)
      VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (scope) DO UPDATE
      SET reason = excluded.reason, actor = excluded.actor, paused_at = excluded.paused_at,
          tripped = excluded.tripped)",
                     {pause.scope, pause.reason, pause.actor, pause.at, pause.tripped}));
  return {};
}

Result<bool> SqlCleanupRecordTable::remove_pause(const std::string& scope) {
  return TRY(database_.exec("DELETE FROM cleanup_pause WHERE scope = $1", {scope})) > 0;
}

Status SqlCleanupRecordTable::put_orphan(const Orphan& orphan) {
  TRY(database_.exec(R"(
      INSERT INTO cleanup_orphan (task, root, resource, workspace, verb, reason, actor, skipped_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      ON CONFLICT (task) DO UPDATE
      SET reason = excluded.reason, actor = excluded.actor, skipped_at = excluded.skipped_at)",
                     {orphan.task, orphan.root, orphan.resource, orphan.workspace, name(orphan.verb), orphan.reason,
                      orphan.actor, orphan.at}));
  return {};
}

Result<bool> SqlCleanupRecordTable::remove_orphan(const TaskId& task) {
  return TRY(database_.exec("DELETE FROM cleanup_orphan WHERE task = $1", {task})) > 0;
}

Result<std::vector<Orphan>> SqlCleanupRecordTable::orphans(const TaskId& after, std::size_t limit) {
  return database_.all(R"(
      SELECT task, root, resource, workspace, verb, reason, actor, skipped_at
      FROM cleanup_orphan
      WHERE task > $1
      ORDER BY task
      LIMIT $2)",
                       {after, limit}, read_orphan);
}

}  // namespace mayfly::sql
