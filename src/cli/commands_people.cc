#include <charconv>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/sandbox_body.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

constexpr const char* users_path = "/v1/users";
constexpr const char* keys_path = "/v1/keys";

std::string line_of_user(const json::object& user) {
  return text_at(user, "name") + "  " + text_at(user, "id") + "  " + text_at(user, "role") +
         (flag_at(user, "active") ? "" : "  not active") + "\n";
}

json::array list_of(const std::vector<std::string>& words) { return json::array(words.begin(), words.end()); }

/// What a key was limited to, in a few words.
std::string limits_of(const json::object& key) {
  std::string text = text_at(key, "role");
  const auto add = [&](const std::string& more) {
    if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
  };
  add(list_at(key, "scopes"));
  const auto workspaces = array_at(key, "workspaces").size();
  if (workspaces > 0) add(std::to_string(workspaces) + (workspaces == 1 ? " workspace" : " workspaces"));
  return text;
}

Cell state_of_key(const json::object& key, WallTime now) {
  if (flag_at(key, "revoked")) return {"revoked", Tone::bad};
  const auto expires = time_at(key, "expires_at");
  if (!expires) return {"usable", Tone::good};
  if (*expires <= now) return {"expired", Tone::bad};
  return {"expires " + relative(expires, now), Tone::busy};
}

}  // namespace

Result<int> list_users(Session& session, const PeopleOptions& options) {
  const auto found = TRY(session.api.list("list users", users_path, {}, options.all || session.json));
  Table table({{"NAME", 12}, {"ID"}, {"NUMBER", 0, true}, {"ROLE"}, {"STATE"}, {"CREATED"}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& user = value.as_object();
    const bool active = flag_at(user, "active");
    table.add({text_at(user, "name"), text_at(user, "id"), text_at(user, "number"), text_at(user, "role"),
               {active ? "active" : "not active", active ? Tone::good : Tone::faint},
               relative(time_at(user, "created_at"), now)});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

Result<int> create_user(Session& session, const PeopleOptions& options) {
  json::object body = {{"name", options.name}};
  if (!options.role.empty()) body["role"] = options.role;
  const auto answer = TRY(session.api.send("add user " + options.name, "POST", users_path, body));
  show(session, answer, line_of_user(answer.body));
  return exit_ok;
}

Result<int> set_user(Session& session, const std::string& user, const PeopleOptions& options) {
  json::object body;
  if (!options.name.empty()) body["name"] = options.name;
  if (!options.role.empty()) body["role"] = options.role;
  if (!options.active.empty()) body["active"] = options.active == "yes";
  const auto answer = TRY(session.api.send("change user " + user, "PATCH", path_to(users_path, {user}), body));
  show(session, answer, line_of_user(answer.body));
  return exit_ok;
}

Result<int> remove_user(Session& session, const std::string& user) {
  const auto answer = TRY(session.api.send("shut out user " + user, "DELETE", path_to(users_path, {user})));
  show(session, answer, line_of_user(answer.body));
  return exit_ok;
}

Result<int> list_keys(Session& session, const PeopleOptions& options) {
  Query query;
  if (!options.user.empty()) query.emplace_back("user", options.user);
  const auto found = TRY(session.api.list("list keys", keys_path, query, options.all || session.json));
  Table table({{"NAME", 12}, {"ID"}, {"KEY"}, {"USER", 8}, {"LIMITED TO", 8}, {"STATE"}, {"LAST USED"}});
  const auto now = wall_now();
  for (const auto& value : found.items) {
    const auto& key = value.as_object();
    table.add({text_at(key, "name"), text_at(key, "id"), text_at(key, "hint") + "...", text_at(key, "user_id"),
               limits_of(key), state_of_key(key, now), relative(time_at(key, "last_used_at"), now)});
  }
  show_list(session, found, table.render(session.out.paper()));
  return exit_ok;
}

namespace {

/// "20" or "20/40": so many calls a second, and at once; "none": no limit of its own.
Result<json::value> rate_of(const std::string& text) {
  if (text == "none") return json::value();
  const auto slash = text.find('/');
  const auto number = [&](const std::string& part, double& into) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), into);
    return error == std::errc() && end == part.data() + part.size();
  };
  double rate = 0, burst = 0;
  if (!number(text.substr(0, slash), rate) || (slash != std::string::npos && !number(text.substr(slash + 1), burst)))
    return fail(Code::invalid, "--rate wants CALLS-A-SECOND, CALLS-A-SECOND/BURST or none; got \"" + text + "\"");
  json::object limit = {{"requests_per_second", rate}};
  if (slash != std::string::npos) limit["burst"] = burst;
  return json::value(std::move(limit));
}

}  // namespace

Result<int> create_key(Session& session, const PeopleOptions& options) {
  json::object body = {{"name", options.name}};
  if (!options.user.empty()) body["user"] = options.user;
  if (!options.role.empty()) body["role"] = options.role;
  if (!options.workspace.empty()) body["workspace"] = options.workspace;
  if (!options.workspaces.empty()) body["workspaces"] = list_of(options.workspaces);
  if (!options.scopes.empty()) body["scopes"] = list_of(options.scopes);
  if (!options.ttl.empty()) body["ttl_seconds"] = TRY(seconds_of("--ttl", options.ttl));
  if (!options.expires_at.empty()) body["expires_at"] = options.expires_at;
  if (!options.rate.empty()) body["rate_limit"] = TRY(rate_of(options.rate));
  const auto answer = TRY(session.api.send("make key " + options.name, "POST", keys_path, body));
  // Alone on stdout, so that it can go into a file that --key-file reads.
  show(session, answer, text_at(answer.body, "secret") + "\n");
  if (!session.json) note(session, "made " + text_at(answer.body, "id") + "; its secret is not shown again");
  return exit_ok;
}

Result<int> set_key(Session& session, const std::string& key, const PeopleOptions& options) {
  const json::object body = {{"rate_limit", TRY(rate_of(options.rate))}};
  const auto answer = TRY(session.api.send("change key " + key, "PATCH", path_to(keys_path, {key}), body));
  show(session, answer, text_at(answer.body, "id") + "  rate " + options.rate + "\n");
  return exit_ok;
}

Result<int> revoke_key(Session& session, const std::string& key) {
  const auto answer = TRY(session.api.send("revoke key " + key, "DELETE", path_to(keys_path, {key})));
  show(session, answer, text_at(answer.body, "id") + "  " + text_at(answer.body, "name") + "  revoked\n");
  return exit_ok;
}

}  // namespace mayfly::cli
