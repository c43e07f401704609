#include "store/sql/identity_table.h"

#include <cstdlib>

#include "store/rules.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

/// A slug is free again from the commit that releases it.
std::optional<std::string_view> slug_of(const Resource& resource) {
  if (!resource.name_held) return std::nullopt;
  return resource.name;
}

std::optional<std::int64_t> optional_integer(Row& row) {
  const auto text = row.optional_text();
  return text ? std::optional<std::int64_t>(std::strtoll(text->c_str(), nullptr, 10)) : std::nullopt;
}

std::optional<double> optional_number(Row& row) {
  const auto text = row.optional_text();
  return text ? std::optional<double>(std::strtod(text->c_str(), nullptr)) : std::nullopt;
}

Workspace read_workspace(Row& row) {
  Workspace workspace;
  workspace.resource = read_resource(row);
  workspace.always_archive = row.flag();
  workspace.quota.sandboxes = optional_integer(row);
  workspace.quota.cpus = optional_number(row);
  workspace.quota.memory_mb = optional_integer(row);
  workspace.quota.disk_mb = optional_integer(row);
  workspace.quota.archive_bytes = optional_integer(row);
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
  key.name = row.text();
  if (const auto role = row.optional_text()) key.role = parse_role(*role).value_or(Role::reader);
  for (auto& id : row.text_list()) key.workspaces.push_back({std::move(id)});
  // A scope of a newer program narrows to the least.
  for (const auto& word : row.text_list()) key.scopes.push_back(parse_scope(word).value_or(Scope::read));
  key.expires_at = row.optional_time();
  key.last_used_at = row.optional_time();
  key.revoked_by = row.text();
  const auto rate = optional_number(row);
  const auto rest = optional_number(row);
  if (rate && rest) key.rate = RateLimit{*rate, *rest};
  return key;
}

Membership read_member(Row& row) {
  Membership member;
  member.workspace = row.id<ResourceId>();
  member.user = row.id<UserId>();
  member.role = row.word(parse_role);
  member.created_at = row.time();
  return member;
}

std::optional<std::string_view> role_word(const std::optional<Role>& role) {
  return role ? std::optional(name(*role)) : std::nullopt;
}

std::optional<double> per_second(const ApiKey& key) {
  return key.rate ? std::optional(key.rate->per_second) : std::nullopt;
}
std::optional<double> burst(const ApiKey& key) { return key.rate ? std::optional(key.rate->burst) : std::nullopt; }

std::string scope_words(const ApiKey& key) {
  std::vector<std::string> words;
  for (const auto scope : key.scopes) words.emplace_back(name(scope));
  return to_json(words);
}

std::string workspace_ids(const ApiKey& key) {
  std::vector<std::string> ids;
  for (const auto& id : key.workspaces) ids.push_back(id.text);
  return to_json(ids);
}

const std::string select_workspace = "SELECT " + std::string(resource_columns) + R"(,
        w.always_archive, w.quota_sandboxes, w.quota_cpus, w.quota_memory_mb, w.quota_disk_mb, w.quota_archive_bytes
      FROM workspace w
      JOIN resource r ON r.id = w.id)";

constexpr std::string_view select_key =
    "SELECT id, app_user, workspace, hash, hint, created_at, revoked, name, role, workspaces, scopes, expires_at,"
    " last_used_at, revoked_by, rate_per_second, rate_burst FROM api_key";
constexpr std::string_view select_user = "SELECT id, number, name, role, active, created_at FROM app_user";
constexpr std::string_view select_member = "SELECT workspace, app_user, role, created_at FROM membership";

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
  const auto& quota = workspace.quota;
  TRY(database_.exec(R"(
      INSERT INTO workspace (id, slug, always_archive, quota_sandboxes, quota_cpus, quota_memory_mb, quota_disk_mb,
                             quota_archive_bytes)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8))",
                     {workspace.resource.id, slug_of(workspace.resource), workspace.always_archive, quota.sandboxes,
                      quota.cpus, quota.memory_mb, quota.disk_mb, quota.archive_bytes}));
  return {};
}

Status SqlIdentityTable::update_workspace(const Workspace& workspace) {
  if (TRY(slug_taken(workspace))) return tl::unexpected(rules::name_taken("workspace", workspace.resource.name));
  TRY(update_resource(database_, workspace.resource));
  const auto& quota = workspace.quota;
  const auto changed = TRY(database_.exec(R"(
      UPDATE workspace
      SET slug = $2, always_archive = $3, quota_sandboxes = $4, quota_cpus = $5, quota_memory_mb = $6,
          quota_disk_mb = $7, quota_archive_bytes = $8
      WHERE id = $1)",
                                          {workspace.resource.id, slug_of(workspace.resource),
                                           workspace.always_archive, quota.sandboxes, quota.cpus, quota.memory_mb,
                                           quota.disk_mb, quota.archive_bytes}));
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

Status SqlIdentityTable::update_user(const User& user) {
  const auto named = TRY(database_.any(R"(
      SELECT 1
      FROM app_user
      WHERE name = $1
      AND id <> $2)",
                                       {user.name, user.id}));
  if (named) return tl::unexpected(rules::name_taken("user", user.name));
  const auto changed = TRY(database_.exec(R"(
      UPDATE app_user
      SET number = $2, name = $3, role = $4, active = $5, created_at = $6
      WHERE id = $1)",
                                          {user.id, user.number, user.name, name(user.role), user.active,
                                           user.created_at}));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<User>> SqlIdentityTable::users(const Page& page) {
  Query query(select_user);
  if (!page.before.empty()) query.add(" WHERE id < ?", {page.before});
  query.add(" ORDER BY id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_user);
}

Result<std::optional<User>> SqlIdentityTable::find_user(std::int64_t number) {
  static const auto text = std::string(select_user) + " WHERE number = $1 AND number <> 0";
  return database_.first(text, {number}, read_user);
}

Result<std::int64_t> SqlIdentityTable::highest_user_number() {
  const auto highest = TRY(database_.first("SELECT COALESCE(MAX(number), 0) FROM app_user", {},
                                           [](Row& row) { return row.integer(); }));
  return highest.value_or(0);
}

Result<std::optional<ApiKey>> SqlIdentityTable::find_key(const std::string& hash) {
  static const auto text = std::string(select_key) + " WHERE hash = $1";
  return database_.first(text, {hash}, read_key);
}

Status SqlIdentityTable::insert_key(const ApiKey& key) {
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO api_key (id, app_user, workspace, hash, hint, created_at, revoked, name, role, workspaces, scopes,
                           expires_at, last_used_at, revoked_by, rate_per_second, rate_burst)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
      ON CONFLICT DO NOTHING)",
                                           {key.id, key.user, key.workspace, key.hash, key.hint, key.created_at,
                                            key.revoked, key.name, role_word(key.role), workspace_ids(key),
                                            scope_words(key), key.expires_at, key.last_used_at, key.revoked_by,
                                            per_second(key), burst(key)}));
  if (inserted == 0) return tl::unexpected(rules::key_taken(key.id.text));
  return {};
}

Status SqlIdentityTable::update_key(const ApiKey& key) {
  // The hash is the key: another secret is another key.
  const auto changed = TRY(database_.exec(R"(
      UPDATE api_key
      SET app_user = $2, workspace = $3, hint = $4, created_at = $5, revoked = $6, name = $8, role = $9,
          workspaces = $10, scopes = $11, expires_at = $12, last_used_at = $13, revoked_by = $14,
          rate_per_second = $15, rate_burst = $16
      WHERE id = $1
      AND hash = $7)",
                                          {key.id, key.user, key.workspace, key.hint, key.created_at, key.revoked,
                                           key.hash, key.name, role_word(key.role), workspace_ids(key),
                                           scope_words(key), key.expires_at, key.last_used_at, key.revoked_by,
                                           per_second(key), burst(key)}));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<ApiKey>> SqlIdentityTable::keys() {
  static const auto text = std::string(select_key) + " ORDER BY id";
  return database_.all(text, {}, read_key);
}

Result<std::optional<ApiKey>> SqlIdentityTable::find_key(const KeyId& id) {
  static const auto text = std::string(select_key) + " WHERE id = $1";
  return database_.first(text, {id}, read_key);
}

Result<std::vector<ApiKey>> SqlIdentityTable::list_keys(const KeyFilter& filter, const Page& page) {
  Query query(select_key);
  query.add(" WHERE 1 = 1");
  if (filter.user) query.add(" AND app_user = ?", {filter.user});
  if (!page.before.empty()) query.add(" AND id < ?", {page.before});
  query.add(" ORDER BY id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_key);
}

Status SqlIdentityTable::touch_key(const KeyId& id, Time used_at) {
  TRY(database_.exec(R"(
      UPDATE api_key
      SET last_used_at = $2
      WHERE id = $1
      AND (last_used_at IS NULL OR last_used_at < $2))",
                     {id, used_at}));
  return {};
}

Result<std::vector<Workspace>> SqlIdentityTable::workspaces(const std::optional<UserId>& member, const Page& page) {
  Query query(select_workspace);
  query.add(" WHERE r.state = 'active'");
  if (member) query.add(" AND w.id IN (SELECT workspace FROM membership WHERE app_user = ?)", {*member});
  if (!page.before.empty()) query.add(" AND w.id < ?", {page.before});
  query.add(" ORDER BY w.id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_workspace);
}

Result<std::optional<Membership>> SqlIdentityTable::find_member(const ResourceId& workspace, const UserId& user) {
  static const auto text = std::string(select_member) + " WHERE workspace = $1 AND app_user = $2";
  return database_.first(text, {workspace, user}, read_member);
}

Result<std::vector<Membership>> SqlIdentityTable::members(const ResourceId& workspace, const Page& page) {
  Query query(select_member);
  query.add(" WHERE workspace = ?", {workspace});
  if (!page.before.empty()) query.add(" AND app_user < ?", {page.before});
  query.add(" ORDER BY app_user DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_member);
}

Status SqlIdentityTable::put_member(const Membership& membership) {
  TRY(database_.exec(R"(
      INSERT INTO membership (workspace, app_user, role, created_at)
      VALUES ($1, $2, $3, $4)
      ON CONFLICT (workspace, app_user) DO UPDATE
      SET role = $3, created_at = $4)",
                     {membership.workspace, membership.user, name(membership.role), membership.created_at}));
  return {};
}

Status SqlIdentityTable::remove_member(const ResourceId& workspace, const UserId& user) {
  TRY(database_.exec(R"(
      DELETE FROM membership
      WHERE workspace = $1
      AND app_user = $2)",
                     {workspace, user}));
  return {};
}

}  // namespace mayfly::sql
