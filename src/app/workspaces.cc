#include "app/workspaces.h"

#include <algorithm>

#include "app/audit.h"
#include "app/ids.h"
#include "app/seat.h"

namespace mayfly {

namespace {

Status require_admin(const Caller& caller) {
  TRY(require(caller, Role::admin));
  return require_whole_key(caller);
}

template <class Number>
void note(std::map<std::string, std::string>& data, const std::string& what, const std::optional<Number>& before,
          const std::optional<Number>& now) {
  if (before != now) data["quota_" + what] = now ? std::to_string(*now) : "none";
}

std::map<std::string, std::string> differences(const Quota& before, const Quota& now) {
  std::map<std::string, std::string> data;
  note(data, "sandboxes", before.sandboxes, now.sandboxes);
  note(data, "cpus", before.cpus, now.cpus);
  note(data, "memory_mb", before.memory_mb, now.memory_mb);
  note(data, "disk_mb", before.disk_mb, now.disk_mb);
  note(data, "archive_bytes", before.archive_bytes, now.archive_bytes);
  return data;
}

Result<User> find_user(Transaction& t, const std::string& id_or_name) {
  auto user = TRY(t.identities().find_user(id_or_name));
  if (user) return std::move(*user);
  return fail(Code::not_found, "no user \"" + id_or_name.substr(0, 80) + "\"", "user_not_found");
}

}  // namespace

Result<Workspace> Workspaces::visible(Transaction& t, const Caller& caller, const std::string& id_or_slug) const {
  return TRY(seat_in(t, caller.user, caller.role, caller.only, id_or_slug)).workspace;
}

Result<Workspace> Workspaces::create(const Caller& caller, const std::string& slug, bool always_archive) {
  TRY(require_admin(caller));
  TRY(check_slug(slug));
  return access_.change([&](Transaction& t) -> Result<Workspace> {
    const auto organization = TRY(t.identities().find_organization("default"));
    CHECK(organization);
    Workspace workspace;
    auto& row = workspace.resource;
    row.id = {new_id("wsp_", t, random_)};
    row.kind = Kind::workspace;
    row.parent = organization->id;
    row.workspace = row.id;
    row.name = slug;
    row.created_at = row.updated_at = t.now();
    workspace.always_archive = always_archive;
    TRY(t.identities().insert_workspace(workspace));
    TRY(audit(t, random_, caller, "workspace.created", row, {{"slug", slug}}));
    return workspace;
  });
}

Result<Workspace> Workspaces::get(const Caller& caller, const std::string& id_or_slug) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id_or_slug); });
}

Result<WorkspaceUsage> Workspaces::usage(const Workspace& workspace) {
  return store_.read([&](Transaction& t) { return t.usage().of(workspace.resource.id); });
}

Result<std::vector<Workspace>> Workspaces::list(const Caller& caller, const Page& page) {
  return store_.read([&](Transaction& t) -> Result<std::vector<Workspace>> {
    if (caller.only.empty()) {
      const auto self = TRY(t.identities().find_user(caller.user.text));
      const bool all = self && self->role == Role::admin;
      return t.identities().workspaces(all ? std::nullopt : std::optional(caller.user), page);
    }
    std::vector<Workspace> found;
    auto ids = caller.only;
    std::sort(ids.rbegin(), ids.rend());
    for (const auto& id : ids) {
      if (found.size() == page.limit || (!page.before.empty() && id.text >= page.before)) continue;
      auto workspace = visible(t, caller, id.text);
      if (workspace) found.push_back(std::move(*workspace));
      else if (workspace.error().code != Code::not_found) return tl::unexpected(std::move(workspace).error());
    }
    return found;
  });
}

Result<Workspace> Workspaces::change(const Caller& caller, const std::string& id_or_slug, const Change& change) {
  TRY(require_admin(caller));
  if (change.slug) TRY(check_slug(*change.slug));
  return access_.change([&](Transaction& t) -> Result<Workspace> {
    auto workspace = TRY(visible(t, caller, id_or_slug));
    auto& row = workspace.resource;
    std::map<std::string, std::string> data;
    if (change.slug && *change.slug != row.name) {
      if (row.name == "default")
        return fail(Code::conflict, "the workspace \"default\" is where keys begin and keeps its name",
                    "workspace_default");
      data = {{"slug", *change.slug}, {"slug_before", row.name}};
      row.name = *change.slug;
    }
    if (change.always_archive && *change.always_archive != workspace.always_archive) {
      workspace.always_archive = *change.always_archive;
      data["always_archive"] = workspace.always_archive ? "true" : "false";
    }
    if (change.quota) {
      // Below what is in use now it blocks only what is new.
      const auto before = workspace.quota;
      change.quota(workspace.quota);
      data.merge(differences(before, workspace.quota));
    }
    if (data.empty()) return workspace;
    row.updated_at = t.now();
    TRY(t.identities().update_workspace(workspace));
    TRY(audit(t, random_, caller, "workspace.changed", row, std::move(data)));
    return workspace;
  });
}

Result<std::vector<Member>> Workspaces::members(const Caller& caller, const std::string& id_or_slug,
                                                const Page& page) {
  return store_.read([&](Transaction& t) -> Result<std::vector<Member>> {
    const Workspace workspace = TRY(visible(t, caller, id_or_slug));
    std::vector<Member> found;
    for (auto& membership : TRY(t.identities().members(workspace.resource.id, page))) {
      auto user = TRY(find_user(t, membership.user.text));
      found.push_back({std::move(membership), std::move(user)});
    }
    return found;
  });
}

Result<Member> Workspaces::put_member(const Caller& caller, const std::string& id_or_slug, const std::string& user,
                                      Role role) {
  TRY(require_admin(caller));
  return access_.change([&](Transaction& t) -> Result<Member> {
    const Workspace workspace = TRY(visible(t, caller, id_or_slug));
    const User who = TRY(find_user(t, user));
    const auto before = TRY(t.identities().find_member(workspace.resource.id, who.id));
    const Membership membership{workspace.resource.id, who.id, role, before ? before->created_at : t.now()};
    if (before && before->role == role) return Member{*before, who};
    TRY(t.identities().put_member(membership));
    TRY(audit(t, random_, caller, before ? "workspace.member_changed" : "workspace.member_added", workspace.resource,
              {{"user", who.id.text}, {"role", std::string(name(role))}}));
    return Member{membership, who};
  });
}

Result<User> Workspaces::remove_member(const Caller& caller, const std::string& id_or_slug, const std::string& user) {
  TRY(require_admin(caller));
  return access_.change([&](Transaction& t) -> Result<User> {
    const Workspace workspace = TRY(visible(t, caller, id_or_slug));
    const User who = TRY(find_user(t, user));
    if (!TRY(t.identities().find_member(workspace.resource.id, who.id))) return who;
    TRY(t.identities().remove_member(workspace.resource.id, who.id));
    TRY(audit(t, random_, caller, "workspace.member_removed", workspace.resource, {{"user", who.id.text}}));
    return who;
  });
}

}  // namespace mayfly
