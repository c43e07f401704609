#include "store/sql/idempotency_table.h"

namespace mayfly::sql {

namespace {

Remembered read_remembered(Row& row) {
  Remembered found;
  found.once.scope = row.text();
  found.once.body = row.text();
  found.at = row.time();
  auto& outcome = found.outcome;
  outcome.status = row.small();
  outcome.resource = row.id<ResourceId>();
  outcome.task = row.id<TaskId>();
  outcome.generation = row.small();
  outcome.token = row.text();
  outcome.process = row.integer();
  outcome.expires_at = row.optional_time();
  outcome.limit_at = row.optional_time();
  outcome.clamped = row.flag();
  return found;
}

}  // namespace

Result<std::optional<Remembered>> SqlIdempotencyTable::find(const std::string& scope) {
  return database_.first(R"(
      SELECT scope, body, made_at, status, resource, task, generation, token, process, expires_at, limit_at, clamped
      FROM idempotency
      WHERE scope = $1)",
                         {scope}, read_remembered);
}

Status SqlIdempotencyTable::put(const Remembered& row) {
  const auto& outcome = row.outcome;
  TRY(database_.exec(R"(
      INSERT INTO idempotency (scope, body, made_at, status, resource, task, generation, token, process, expires_at,
                               limit_at, clamped)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      ON CONFLICT (scope) DO UPDATE
      SET body = excluded.body, made_at = excluded.made_at, status = excluded.status, resource = excluded.resource,
          task = excluded.task, generation = excluded.generation, token = excluded.token, process = excluded.process,
          expires_at = excluded.expires_at, limit_at = excluded.limit_at, clamped = excluded.clamped)",
                     {row.once.scope, row.once.body, row.at, outcome.status, outcome.resource, outcome.task,
                      outcome.generation, outcome.token, outcome.process, outcome.expires_at, outcome.limit_at,
                      outcome.clamped}));
  return {};
}

Status SqlIdempotencyTable::remove(const std::string& scope) {
  TRY(database_.exec("DELETE FROM idempotency WHERE scope = $1", {scope}));
  return {};
}

Result<std::vector<std::string>> SqlIdempotencyTable::older_than(Time before, std::size_t limit) {
  return database_.all(R"(
      SELECT scope
      FROM idempotency
      WHERE made_at < $1
      ORDER BY made_at
      LIMIT $2)",
                       {before, limit}, [](Row& row) { return row.text(); });
}

}  // namespace mayfly::sql
