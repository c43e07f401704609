#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlRuntimeTable : public RuntimeTable {
 public:
  explicit SqlRuntimeTable(Database& database) : database_(database) {}

  Result<Runtime> get(const ResourceId& id) override;
  Result<std::optional<Runtime>> find_named(const ResourceId& workspace, const std::string& key) override;
  Status insert(const Runtime& runtime) override;
  Status update(const Runtime& runtime) override;
  Result<std::vector<Runtime>> list(const RuntimeFilter& filter, const Page& page) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
