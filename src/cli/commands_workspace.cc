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

json::object body_of(const PeopleOptions& options) {
  json::object body;
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
  const auto answer = TRY(session.api.send("make workspace " + options.slug, "POST", path, body_of(options)));
  show(session, answer, line_of(answer.body));
  return exit_ok;
}

Result<int> set_workspace(Session& session, const std::string& workspace, const PeopleOptions& options) {
  const auto answer =
      TRY(session.api.send("change workspace " + workspace, "PATCH", path_to(path, {workspace}), body_of(options)));
  show(session, answer, line_of(answer.body));
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
