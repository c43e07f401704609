#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlIdempotencyTable : public IdempotencyTable {
 public:
  explicit SqlIdempotencyTable(Database& database) : database_(database) {}

  Result<std::optional<Remembered>> find(const std::string& scope) override;
  Status put(const Remembered& row) override;
  Status remove(const std::string& scope) override;
  Result<std::vector<std::string>> older_than(Time before, std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
