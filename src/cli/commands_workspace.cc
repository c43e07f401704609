#include <algorithm>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* path = "/v1/workspaces";

std::string line_of(const json::object& workspace) {
  return text_at(workspace, "slug") + "  " + text_at(workspace, "id") +
         (flag_at(workspace, "always_archive") ? "  always archives" : "") + "\n";
}

/// "sandboxes=50", "cpus=none".
Result<json::object> quota_of(const std::vector<std::string>& pairs) {
  json::object quota;
  for (const auto& pair : pairs) {
    const auto equals = std::min(pair.find('='), pair.size());
    const auto text = pair.substr(std::min(equals + 1, pair.size()));
    boost::system::error_code error;
    const auto number = text == "none" ? json::value() : boost::json::parse(text, error);
    if (error || !(number.is_number() || number.is_null()))
      return fail(Code::invalid, "--quota wants NAME=NUMBER or NAME=none; got \"" + pair + "\"");
    quota[pair.substr(0, equals)] = number;
  }
  return quota;
}

std::string shown(const json::object& all, std::string_view name) {
  const auto* value = all.if_contains(name);
  return !value || value->is_null() ? "-" : boost::json::serialize(*value);
}

Result<json::object> body_of(const PeopleOptions& options) {
  json::object body;
  if (!options.quota.empty()) body["quota"] = TRY(quota_of(options.quota));
  if (!options.slug.empty()) body["slug"] = options.slug;
  if (!options.always_archive.empty()) body["always_archive"] = options.always_archive == "yes";
  return body;
}

}  // namespace

Result<int> list_workspaces(Session& session, const PeopleOptions& options) {
  const auto found = TRY(session.api.list("list workspaces", path, {}, options.all || session.json));
  Table table({{"SLUG", 12}, {"ID"}, {"ALWAYS ARCHIVES"}, {"CREATED"}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& workspace = value.as_object();
    table.add({text_at(workspace, "slug"), text_at(workspace, "id"),
               flag_at(workspace, "always_archive") ? "yes" : "no", relative(time_at(workspace, "created_at"), now)});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> create_workspace(Session& session, const PeopleOptions& options) {
  const auto answer = TRY(session.api.send("make workspace " + options.slug, "POST", path, TRY(body_of(options))));
  show(session, answer, line_of(answer.body));
  return exit_ok;
}

Result<int> set_workspace(Session& session, const std::string& workspace, const PeopleOptions& options) {
  const auto answer =
      TRY(session.api.send("change workspace " + workspace, "PATCH", path_to(path, {workspace}),
                           TRY(body_of(options))));
  show(session, answer, line_of(answer.body));
  return exit_ok;
}

Result<int> get_workspace(Session& session, const std::string& workspace) {
  const auto answer = TRY(session.api.get("show workspace " + workspace, path_to(path, {workspace})));
  Table table({{"QUOTA", 14}, {"USED"}, {"LIMIT"}});
  for (const auto* name : {"sandboxes", "cpus", "memory_mb", "disk_mb", "archive_bytes"})
    table.add({name, shown(object_at(answer.body, "usage"), name), shown(object_at(answer.body, "quota"), name)});
  show(session, answer, line_of(answer.body) + table.render(session.out.paper()));
  return exit_ok;
}

Result<int> list_members(Session& session, const std::string& workspace, const PeopleOptions& options) {
  const auto found = TRY(session.api.list("list the members of workspace " + workspace,
                                          path_to(path, {workspace, "members"}), {}, options.all || session.json));
  Table table({{"NAME", 12}, {"ID"}, {"ROLE"}, {"SINCE"}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& member = value.as_object();
    table.add({text_at(member, "name"), text_at(member, "user_id"), text_at(member, "role"),
               relative(time_at(member, "since"), now)});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> put_member(Session& session, const std::string& workspace, const std::string& user,
                       const std::string& role) {
  json::object body;
  if (!role.empty()) body["role"] = role;
  const auto answer = TRY(session.api.send("add user " + user + " to workspace " + workspace, "PUT",
                                           path_to(path, {workspace, "members", user}), body));
  show(session, answer, text_at(answer.body, "name") + "  " + text_at(answer.body, "role") + "\n");
  return exit_ok;
}

Result<int> remove_member(Session& session, const std::string& workspace, const std::string& user) {
  const auto answer = TRY(session.api.send("remove user " + user + " from workspace " + workspace, "DELETE",
                                           path_to(path, {workspace, "members", user})));
  show(session, answer, text_at(answer.body, "removed") + "  removed\n");
  return exit_ok;
}

}  // namespace mayfly::cli
