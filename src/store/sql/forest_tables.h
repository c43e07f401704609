#pragma once

#include "ports/forest_tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlResourceTable : public ResourceTable {
 public:
  explicit SqlResourceTable(Database& database) : database_(database) {}

  Result<Resource> get(const ResourceId& id) override;
  Result<std::vector<Resource>> in(const ResourceId& parent, Kind kind, const std::string& after,
                                   std::size_t limit) override;

 private:
  Database& database_;
};

class SqlRecordTable : public RecordTable {
 public:
  explicit SqlRecordTable(Database& database) : database_(database) {}

  Result<Record> get(const ResourceId& id) override;
  Status insert(const Record& record) override;
  Status update(const Record& record) override;
  Result<std::vector<Record>> scan(Kind kind, const std::string& after, std::size_t limit) override;

 private:
  Database& database_;
};

class SqlTrashTable : public TrashTable {
 public:
  explicit SqlTrashTable(Database& database) : database_(database) {}

  Result<std::optional<Trashed>> find(const ResourceId& id) override;
  Status put(const Trashed& row) override;
  Status remove(const ResourceId& id) override;
  Result<std::vector<Trashed>> of_kind(Kind kind, const std::string& after, std::size_t limit) override;
  Result<std::vector<Trashed>> in(const ResourceId& scope, const std::string& after, std::size_t limit) override;

 private:
  Database& database_;
};

class SqlHoldTable : public HoldTable {
 public:
  explicit SqlHoldTable(Database& database) : database_(database) {}

  Result<Hold> get(const HoldId& id) override;
  Status insert(const Hold& hold) override;
  Status update(const Hold& hold) override;
  Result<std::vector<Hold>> keeping(const ResourceId& resource, Time now, std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
