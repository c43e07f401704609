#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlSettingTable : public SettingTable {
 public:
  explicit SqlSettingTable(Database& database) : database_(database) {}

  Result<std::optional<std::string>> get(const std::string& name) override;
  Status put(const std::string& name, const std::string& value) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
