#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlTaskTable : public TaskTable {
 public:
  explicit SqlTaskTable(Database& database) : database_(database) {}

  Result<Task> get(const TaskId& id) override;
  Status insert(const Task& task) override;
  Status update(const Task& task) override;
  Result<std::vector<Task>> children(const TaskId& parent) override;
  Result<std::vector<Task>> tree(const TaskId& root) override;
  Result<std::vector<Task>> list(const TaskFilter& filter, const Page& page) override;
  Result<std::optional<OpenStage>> open_stage(const TaskId& parent) override;
  Result<std::vector<Task>> children_in(const TaskId& parent, std::optional<int> stage, TaskStatus status,
                                        std::size_t limit) override;
  Result<std::vector<TaskLine>> lines(Lane lane, const ResourceId& from, std::size_t limit) override;
  Result<std::vector<Task>> claimable(const TaskLine& line, Priority priority, Time now, std::size_t limit) override;
  Result<std::optional<Time>> next_attempt(Lane lane, Time after) override;
  Status release_claims_of_others(std::int64_t epoch, Time now) override;
  Result<std::vector<ClaimedTasks>> claimed() override;
  Result<std::vector<PhaseCount>> by_phase(const TaskId& root) override;
  Result<std::int64_t> open_deletes(const ResourceId& workspace) override;
  Result<std::vector<TaskId>> completed_before(Time before, std::size_t limit) override;
  Result<std::vector<Task>> last_of(const TaskId& root, std::size_t limit) override;
  Status remove(const Task& task) override;
  Result<std::vector<std::pair<TaskStatus, std::int64_t>>> count_by_status() override;
  Result<std::vector<OpenTasks>> open_by_verb() override;

 private:
  Status count(const Task& task);
  Status recount(const Task& task);
  Database& database_;
};

}  // namespace mayfly::sql
