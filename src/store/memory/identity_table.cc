#include "store/memory/record_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

namespace {

template <class Key, class Value, class Matches>
std::optional<Value> find_if(const std::map<Key, Value>& table, Matches matches) {
  for (const auto& [key, row] : table)
    if (matches(row)) return row;
  return std::nullopt;
}

bool has_slug(const Resource& resource, const std::string& slug) { return resource.name_held && resource.name == slug; }

}  // namespace

Result<std::optional<Resource>> MemoryIdentityTable::find_organization(const std::string& slug) {
  return find_if(draft_.rows().organizations, [&](const Resource& row) { return has_slug(row, slug); });
}

Status MemoryIdentityTable::insert_organization(const Resource& organization) {
  if (draft_.rows().organizations.contains(organization.id))
    return tl::unexpected(rules::id_taken(organization.id.text));
  if (organization.name_held && TRY(find_organization(organization.name)))
    return tl::unexpected(rules::name_taken("organization", organization.name));
  return draft_.put(&Rows::organizations, organization.id, organization);
}

Result<std::optional<Workspace>> MemoryIdentityTable::find_workspace(const std::string& id_or_slug) {
  if (const auto* row = look_up(draft_.rows().workspaces, ResourceId{id_or_slug})) return std::optional(*row);
  return find_if(draft_.rows().workspaces, [&](const Workspace& row) { return has_slug(row.resource, id_or_slug); });
}

Status MemoryIdentityTable::put(const Workspace& workspace) {
  const auto& resource = workspace.resource;
  for (const auto& [id, row] : draft_.rows().workspaces)
    if (id != resource.id && resource.name_held && has_slug(row.resource, resource.name))
      return tl::unexpected(rules::name_taken("workspace", resource.name));
  return draft_.put(&Rows::workspaces, resource.id, workspace);
}

Status MemoryIdentityTable::insert_workspace(const Workspace& workspace) {
  const auto& id = workspace.resource.id;
  if (draft_.rows().workspaces.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(workspace);
}

Status MemoryIdentityTable::update_workspace(const Workspace& workspace) {
  CHECK(draft_.rows().workspaces.contains(workspace.resource.id));
  return put(workspace);
}

Result<std::optional<User>> MemoryIdentityTable::find_user(const std::string& id_or_name) {
  if (const auto* row = look_up(draft_.rows().users, UserId{id_or_name})) return std::optional(*row);
  return find_if(draft_.rows().users, [&](const User& row) { return row.name == id_or_name; });
}

Status MemoryIdentityTable::insert_user(const User& user) {
  const auto& users = draft_.rows().users;
  if (find_if(users, [&](const User& row) { return row.name == user.name; }))
    return tl::unexpected(rules::name_taken("user", user.name));
  if (users.contains(user.id)) return tl::unexpected(rules::id_taken(user.id.text));
  if (user.number != 0 && find_if(users, [&](const User& row) { return row.number == user.number; }))
    return tl::unexpected(rules::number_taken(user.number));
  return draft_.put(&Rows::users, user.id, user);
}

Status MemoryIdentityTable::update_user(const User& user) {
  CHECK(draft_.rows().users.contains(user.id));
  if (find_if(draft_.rows().users, [&](const User& row) { return row.id != user.id && row.name == user.name; }))
    return tl::unexpected(rules::name_taken("user", user.name));
  return draft_.put(&Rows::users, user.id, user);
}

Result<std::vector<User>> MemoryIdentityTable::users(const Page& page) {
  return newest(draft_.rows().users, page, [](const User&) { return true; }, [](const User& row) { return row; });
}

Result<std::optional<User>> MemoryIdentityTable::find_user(std::int64_t number) {
  return find_if(draft_.rows().users, [&](const User& row) { return number != 0 && row.number == number; });
}

Result<std::int64_t> MemoryIdentityTable::highest_user_number() {
  std::int64_t highest = 0;
  for (const auto& [id, row] : draft_.rows().users) highest = std::max(highest, row.number);
  return highest;
}

Result<std::optional<ApiKey>> MemoryIdentityTable::find_key(const std::string& hash) {
  return find_if(draft_.rows().keys, [&](const ApiKey& row) { return row.hash == hash; });
}

Status MemoryIdentityTable::insert_key(const ApiKey& key) {
  if (draft_.rows().keys.contains(key.id) || TRY(find_key(key.hash)))
    return tl::unexpected(rules::key_taken(key.id.text));
  return draft_.put(&Rows::keys, key.id, key);
}

Status MemoryIdentityTable::update_key(const ApiKey& key) {
  const auto* row = look_up(draft_.rows().keys, key.id);
  CHECK(row && row->hash == key.hash);
  return draft_.put(&Rows::keys, key.id, key);
}

Result<std::vector<ApiKey>> MemoryIdentityTable::keys() {
  std::vector<ApiKey> all;
  for (const auto& [id, row] : draft_.rows().keys) all.push_back(row);
  return all;
}

Result<std::optional<ApiKey>> MemoryIdentityTable::find_key(const KeyId& id) {
  const auto* row = look_up(draft_.rows().keys, id);
  return row ? std::optional(*row) : std::nullopt;
}

Result<std::vector<ApiKey>> MemoryIdentityTable::list_keys(const KeyFilter& filter, const Page& page) {
  return newest(draft_.rows().keys, page, [&](const ApiKey& row) { return !filter.user || row.user == filter.user; },
                [](const ApiKey& row) { return row; });
}

Status MemoryIdentityTable::touch_key(const KeyId& id, Time used_at) {
  auto row = TRY(find_key(id));
  if (!row || (row->last_used_at && *row->last_used_at >= used_at)) return {};
  row->last_used_at = used_at;
  return draft_.put(&Rows::keys, id, *row);
}

Result<std::vector<Workspace>> MemoryIdentityTable::workspaces(const std::optional<UserId>& member, const Page& page) {
  const auto& members = draft_.rows().memberships;
  return newest(draft_.rows().workspaces, page, [&](const Workspace& row) {
    return row.resource.state == State::active && (!member || members.contains({row.resource.id, *member}));
  }, [](const Workspace& row) { return row; });
}

Result<std::optional<Membership>> MemoryIdentityTable::find_member(const ResourceId& workspace, const UserId& user) {
  const auto* row = look_up(draft_.rows().memberships, std::pair(workspace, user));
  return row ? std::optional(*row) : std::nullopt;
}

Result<std::vector<Membership>> MemoryIdentityTable::members(const ResourceId& workspace, const Page& page) {
  std::vector<Membership> found;
  const auto& rows = draft_.rows().memberships;
  for (auto row = rows.rbegin(); row != rows.rend() && found.size() < page.limit; ++row)
    if (row->first.first == workspace && (page.before.empty() || row->first.second.text < page.before))
      found.push_back(row->second);
  return found;
}

Status MemoryIdentityTable::put_member(const Membership& membership) {
  return draft_.put(&Rows::memberships, std::pair(membership.workspace, membership.user), membership);
}

Status MemoryIdentityTable::remove_member(const ResourceId& workspace, const UserId& user) {
  return draft_.erase(&Rows::memberships, std::pair(workspace, user));
}

}  // namespace mayfly::memory
