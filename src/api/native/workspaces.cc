#include "api/native/handler.h"
#include "api/native/roles.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

template <class Number>
boost::json::value number_or_null(const std::optional<Number>& number) {
  return number ? boost::json::value(*number) : boost::json::value();
}

boost::json::object render(const Quota& quota) {
  return {{"sandboxes", number_or_null(quota.sandboxes)},
          {"cpus", number_or_null(quota.cpus)},
          {"memory_mb", number_or_null(quota.memory_mb)},
          {"disk_mb", number_or_null(quota.disk_mb)},
          {"archive_bytes", number_or_null(quota.archive_bytes)}};
}

boost::json::object render(const WorkspaceUsage& usage) {
  return {{"sandboxes", usage.sandboxes},
          {"cpus", usage.cpus},
          {"memory_mb", usage.memory_mb},
          {"disk_mb", usage.disk_mb},
          {"archive_bytes", usage.archive_bytes}};
}

/// Members that are there replace those limits; null takes one away.
std::function<void(Quota&)> read_quota(json::Reader reader) {
  std::vector<std::function<void(Quota&)>> changes;
  const auto whole = [&](std::string_view key, std::optional<std::int64_t> Quota::*limit) {
    const bool given = reader.has(key);
    const auto value = reader.optional_integer(key, {.min = 0, .max = std::int64_t{1} << 50});
    if (given) changes.push_back([limit, value](Quota& quota) { quota.*limit = value; });
  };
  whole("sandboxes", &Quota::sandboxes);
  whole("memory_mb", &Quota::memory_mb);
  whole("disk_mb", &Quota::disk_mb);
  whole("archive_bytes", &Quota::archive_bytes);
  const bool cpus_given = reader.has("cpus");
  const auto cpus = reader.optional_number("cpus", {.min = 0, .max = 1e6});
  if (cpus_given) changes.push_back([cpus](Quota& quota) { quota.cpus = cpus; });
  return [changes](Quota& quota) {
    for (const auto& change : changes) change(quota);
  };
}

boost::json::object render(const Workspace& workspace) {
  return {{"id", workspace.resource.id.text},
          {"slug", workspace.resource.name},
          {"always_archive", workspace.always_archive},
          {"quota", render(workspace.quota)},
          {"created_at", format(workspace.resource.created_at)},
          {"updated_at", format(workspace.resource.updated_at)}};
}

boost::json::object render(const Member& member) {
  return {{"user_id", member.user.id.text},
          {"name", member.user.name},
          {"role", name(member.membership.role)},
          {"active", member.user.active},
          {"since", format(member.membership.created_at)}};
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor"}));
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.workspaces.list(caller, page));
  return list_of(services, rows, page, [](const Workspace& w) { return render(w); },
                 [](const Workspace& w) { return w.resource.id.text; });
}

Result<http::Response> create(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto slug = reader.string("slug", {.min = 1, .max = 63});
  const auto always_archive = reader.optional_bool("always_archive").value_or(false);
  TRY(reader.finish());
  return ok(render(TRY(services.workspaces.create(caller, slug, always_archive))), 201);
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  const auto workspace = TRY(services.workspaces.get(caller, request.param("id")));
  auto body = render(workspace);
  body["usage"] = render(TRY(services.workspaces.usage(workspace)));
  return ok(body);
}

Result<http::Response> change(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  Workspaces::Change change;
  change.slug = reader.optional_string("slug", {.min = 1, .max = 63});
  change.always_archive = reader.optional_bool("always_archive");
  if (reader.has("quota")) change.quota = read_quota(reader.nested("quota"));
  TRY(reader.finish());
  return ok(render(TRY(services.workspaces.change(caller, request.param("id"), change))));
}

Result<http::Response> members(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor"}));
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.workspaces.members(caller, request.param("id"), page));
  return list_of(services, rows, page, [](const Member& m) { return render(m); },
                 [](const Member& m) { return m.user.id.text; });
}

Result<http::Response> put_member(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto role = read_role(reader, "role").value_or(Role::member);
  TRY(reader.finish());
  return ok(render(TRY(services.workspaces.put_member(caller, request.param("id"), request.param("user"), role))));
}

Result<http::Response> remove_member(Services& services, const Caller& caller, const http::Request& request) {
  const auto user = TRY(services.workspaces.remove_member(caller, request.param("id"), request.param("user")));
  return ok({{"removed", user.id.text}});
}

}  // namespace

void add_workspace_routes(http::Router& router, Services& services) {
  const auto with = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"GET", "/v1/workspaces", with(list)});
  router.add({"POST", "/v1/workspaces", with(create)});
  router.add({"GET", "/v1/workspaces/{id}", with(get)});
  router.add({"PATCH", "/v1/workspaces/{id}", with(change)});
  router.add({"GET", "/v1/workspaces/{id}/members", with(members)});
  router.add({"PUT", "/v1/workspaces/{id}/members/{user}", with(put_member)});
  router.add({"DELETE", "/v1/workspaces/{id}/members/{user}", with(remove_member)});
}

}  // namespace mayfly::api::native
