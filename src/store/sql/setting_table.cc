#include "store/sql/setting_table.h"

namespace mayfly::sql {

Result<std::optional<std::string>> SqlSettingTable::get(const std::string& name) {
  return database_.first(R"(
      SELECT value
      FROM setting
      WHERE name = $1)",
                         {name}, [](Row& row) { return row.text(); });
}

Status SqlSettingTable::put(const std::string& name, const std::string& value) {
  TRY(database_.exec(R"(
      INSERT INTO setting (name, value)
      VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE
      SET value = excluded.value)",
                     {name, value}));
  return {};
}

}  // namespace mayfly::sql
