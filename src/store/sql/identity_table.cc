#include "store/sql/identity_table.h"

#include "store/rules.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

/// A slug is free again from the commit that releases it.
std::optional<std::string_view> slug_of(const Resource& resource) {
  if (!resource.name_held) return std::nullopt;
  return resource.name;
}

Workspace read_workspace(Row& row) {
  Workspace workspace;
  workspace.resource = read_resource(row);
  workspace.always_archive = row.flag();
  return workspace;
}

User read_user(Row& row) {
  User user;
  user.id = row.id<UserId>();
  user.number = row.integer();
  user.name = row.text();
  user.role = row.word(parse_role);
  user.active = row.flag();
  user.created_at = row.time();
  return user;
}

ApiKey read_key(Row& row) {
  ApiKey key;
  key.id = row.id<KeyId>();
  key.user = row.id<UserId>();
  key.workspace = row.id<ResourceId>();
  key.hash = row.text();
  key.hint = row.text();
  key.created_at = row.time();
  key.revoked = row.flag();
  return key;
}

const std::string select_workspace = "SELECT " + std::string(resource_columns) + R"(, w.always_archive
      FROM workspace w
      JOIN resource r ON r.id = w.id)";

constexpr std::string_view select_key = "SELECT id, app_user, workspace, hash, hint, created_at, revoked FROM api_key";

}  // namespace

Result<std::optional<Resource>> SqlIdentityTable::find_organization(const std::string& slug) {
  static const auto text = "SELECT " + std::string(resource_columns) + R"(
      FROM organization o
      JOIN resource r ON r.id = o.id
      WHERE o.slug = $1)";
  return database_.first(text, {slug}, read_resource);
}

Status SqlIdentityTable::insert_organization(const Resource& organization) {
  TRY(insert_resource(database_, organization));
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO organization (id, slug)
      VALUES ($1, $2)
      ON CONFLICT DO NOTHING)",
                                           {organization.id, slug_of(organization)}));
  if (inserted == 0) return tl::unexpected(rules::name_taken("organization", organization.name));
  return {};
}

Result<std::optional<Workspace>> SqlIdentityTable::find_workspace(const std::string& id_or_slug) {
  static const auto by_id = select_workspace + " WHERE w.id = $1";
  static const auto by_slug = select_workspace + " WHERE w.slug = $1";
  auto found = TRY(database_.first(by_id, {id_or_slug}, read_workspace));
  if (found) return found;
  return database_.first(by_slug, {id_or_slug}, read_workspace);
}

Result<bool> SqlIdentityTable::slug_taken(const Workspace& workspace) {
  return database_.any(R"(
      SELECT 1
      FROM workspace
      WHERE slug = $1
      AND id <> $2)",
                       {slug_of(workspace.resource), workspace.resource.id});
}

Status SqlIdentityTable::insert_workspace(const Workspace& workspace) {
  if (TRY(slug_taken(workspace))) return tl::unexpected(rules::name_taken("workspace", workspace.resource.name));
  TRY(insert_resource(database_, workspace.resource));
  TRY(database_.exec(R"(
      INSERT INTO workspace (id, slug, always_archive)
      VALUES ($1, $2, $3))",
                     {workspace.resource.id, slug_of(workspace.resource), workspace.always_archive}));
  return {};
}

Status SqlIdentityTable::update_workspace(const Workspace& workspace) {
  if (TRY(slug_taken(workspace))) return tl::unexpected(rules::name_taken("workspace", workspace.resource.name));
  TRY(update_resource(database_, workspace.resource));
  const auto changed = TRY(database_.exec(R"(
      UPDATE workspace
      SET slug = $2, always_archive = $3
      WHERE id = $1)",
                                          {workspace.resource.id, slug_of(workspace.resource),
                                           workspace.always_archive}));
  CHECK(changed == 1);
  return {};
}

Result<std::optional<User>> SqlIdentityTable::find_user(const std::string& id_or_name) {
  auto found = TRY(database_.first(R"(
      SELECT id, number, name, role, active, created_at
      FROM app_user
      WHERE id = $1)",
                                   {id_or_name}, read_user));
  if (found) return found;
  return database_.first(R"(
      SELECT id, number, name, role, active, created_at
      FROM app_user
      WHERE name = $1)",
                         {id_or_name}, read_user);
}

Status SqlIdentityTable::insert_user(const User& user) {
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO app_user (id, number, name, role, active, created_at)
      VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT DO NOTHING)",
                                           {user.id, user.number, user.name, name(user.role), user.active,
                                            user.created_at}));
  if (inserted == 1) return {};
  const auto named = TRY(database_.any("SELECT 1 FROM app_user WHERE name = $1", {user.name}));
  if (named) return tl::unexpected(rules::name_taken("user", user.name));
  const auto known = TRY(database_.any("SELECT 1 FROM app_user WHERE id = $1", {user.id}));
  return tl::unexpected(known ? rules::id_taken(user.id.text) : rules::number_taken(user.number));
}

Result<std::optional<ApiKey>> SqlIdentityTable::find_key(const std::string& hash) {
  static const auto text = std::string(select_key) + " WHERE hash = $1";
  return database_.first(text, {hash}, read_key);
}

Status SqlIdentityTable::insert_key(const ApiKey& key) {
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO api_key (id, app_user, workspace, hash, hint, created_at, revoked)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT DO NOTHING)",
                                           {key.id, key.user, key.workspace, key.hash, key.hint, key.created_at,
                                            key.revoked}));
  if (inserted == 0) return tl::unexpected(rules::key_taken(key.id.text));
  return {};
}

Status SqlIdentityTable::update_key(const ApiKey& key) {
  // The hash is the key: another secret is another key.
  const auto changed = TRY(database_.exec(R"(
      UPDATE api_key
      SET app_user = $2, workspace = $3, hint = $4, created_at = $5, revoked = $6
      WHERE id = $1
      AND hash = $7)",
                                          {key.id, key.user, key.workspace, key.hint, key.created_at, key.revoked,
                                           key.hash}));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<ApiKey>> SqlIdentityTable::keys() {
  static const auto text = std::string(select_key) + " ORDER BY id";
  return database_.all(text, {}, read_key);
}

}  // namespace mayfly::sql
