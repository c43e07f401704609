#include "store/memory/record_tables.h"

namespace mayfly::memory {

namespace {

auto of_task(const Rows& rows, const TaskId& task) {
  std::vector<Attempt> found;
  for (auto row = rows.attempts.lower_bound({task, 0}); row != rows.attempts.end() && row->first.first == task; ++row)
    found.push_back(row->second);
  return found;
}

}  // namespace

Status MemoryCleanupRecordTable::add_attempt(const Attempt& attempt) {
  const auto before = of_task(draft_.rows(), attempt.task);
  Attempt row = attempt;
  row.number = before.empty() ? 1 : before.back().number + 1;
  TRY(draft_.put(&Rows::attempts, {row.task, row.number}, row));
  for (const auto& old : before)
    if (old.number <= row.number - attempts_kept) TRY(draft_.erase(&Rows::attempts, {old.task, old.number}));
  return {};
}

Result<std::vector<Attempt>> MemoryCleanupRecordTable::attempts(const TaskId& task) {
  return of_task(draft_.rows(), task);
}

Status MemoryCleanupRecordTable::remove_attempts(const TaskId& task) {
  for (const auto& old : of_task(draft_.rows(), task)) TRY(draft_.erase(&Rows::attempts, {old.task, old.number}));
  return {};
}

Result<std::vector<Pause>> MemoryCleanupRecordTable::pauses() {
  std::vector<Pause> all;
  for (const auto& [scope, row] : draft_.rows().pauses) all.push_back(row);
  return all;
}

Status MemoryCleanupRecordTable::put_pause(const Pause& pause) {
  return draft_.put(&Rows::pauses, pause.scope, pause);
}

Result<bool> MemoryCleanupRecordTable::remove_pause(const std::string& scope) {
  if (!draft_.rows().pauses.contains(scope)) return false;
  TRY(draft_.erase(&Rows::pauses, scope));
  return true;
}

Status MemoryCleanupRecordTable::put_orphan(const Orphan& orphan) {
  return draft_.put(&Rows::orphans, orphan.task, orphan);
}

Result<bool> MemoryCleanupRecordTable::remove_orphan(const TaskId& task) {
  if (!draft_.rows().orphans.contains(task)) return false;
  TRY(draft_.erase(&Rows::orphans, task));
  return true;
}

Result<std::vector<Orphan>> MemoryCleanupRecordTable::orphans(const TaskId& after, std::size_t limit) {
  return following(
      draft_.rows().orphans, after.text, limit, [](const Orphan&) { return true; },
      [](const Orphan& row) { return row; });
}

}  // namespace mayfly::memory
