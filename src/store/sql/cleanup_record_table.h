#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlCleanupRecordTable : public CleanupRecordTable {
 public:
  explicit SqlCleanupRecordTable(Database& database) : database_(database) {}

  Status add_attempt(const Attempt& attempt) override;
  Result<std::vector<Attempt>> attempts(const TaskId& task) override;
  Status remove_attempts(const TaskId& task) override;
  Result<std::vector<Pause>> pauses() override;
  Status put_pause(const Pause& pause) override;
  Result<bool> remove_pause(const std::string& scope) override;
  Status put_orphan(const Orphan& orphan) override;
  Result<bool> remove_orphan(const TaskId& task) override;
  Result<std::vector<Orphan>> orphans(const TaskId& after, std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
