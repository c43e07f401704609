#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlImageTable : public ImageTable {
 public:
  explicit SqlImageTable(Database& database) : database_(database) {}

  Result<std::optional<ImageRecord>> find(const std::string& name_or_digest) override;
  Status put(const ImageRecord& image) override;
  Status remove(const std::string& name) override;
  Result<std::vector<ImageRecord>> list() override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
