#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlIdentityTable : public IdentityTable {
 public:
  explicit SqlIdentityTable(Database& database) : database_(database) {}

  Result<std::optional<Resource>> find_organization(const std::string& slug) override;
  Status insert_organization(const Resource& organization) override;
  Result<std::optional<Workspace>> find_workspace(const std::string& id_or_slug) override;
  Status insert_workspace(const Workspace& workspace) override;
  Status update_workspace(const Workspace& workspace) override;
  Result<std::optional<User>> find_user(const std::string& id_or_name) override;
  Status insert_user(const User& user) override;
  Result<std::optional<ApiKey>> find_key(const std::string& hash) override;
  Status insert_key(const ApiKey& key) override;
  Status update_key(const ApiKey& key) override;
  Result<std::vector<ApiKey>> keys() override;

 private:
  Result<bool> slug_taken(const Workspace& workspace);
  Database& database_;
};

}  // namespace mayfly::sql
