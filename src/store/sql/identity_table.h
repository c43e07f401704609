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
  Status update_user(const User& user) override;
  Result<std::vector<User>> users(const Page& page) override;
  Result<std::optional<User>> find_user(std::int64_t number) override;
  Result<std::int64_t> highest_user_number() override;
  Result<std::optional<ApiKey>> find_key(const std::string& hash) override;
  Status insert_key(const ApiKey& key) override;
  Status update_key(const ApiKey& key) override;
  Result<std::vector<ApiKey>> keys() override;
  Result<std::optional<ApiKey>> find_key(const KeyId& id) override;
  Result<std::vector<ApiKey>> list_keys(const KeyFilter& filter, const Page& page) override;
  Status touch_key(const KeyId& id, Time used_at) override;
  Result<std::vector<Workspace>> workspaces(const std::optional<UserId>& member, const Page& page) override;
  Result<std::optional<Membership>> find_member(const ResourceId& workspace, const UserId& user) override;
  Result<std::vector<Membership>> members(const ResourceId& workspace, const Page& page) override;
  Status put_member(const Membership& membership) override;
  Status remove_member(const ResourceId& workspace, const UserId& user) override;

 private:
  Result<bool> slug_taken(const Workspace& workspace);
  Database& database_;
};

}  // namespace mayfly::sql
