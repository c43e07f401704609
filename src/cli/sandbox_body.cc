#include "cli/sandbox_body.h"

#include <array>
#include <cstdlib>

#include "cli/duration.h"

namespace mayfly::cli {

namespace {

constexpr const char* never = "never";

Status add_clock(json::object& body, const char* member, const std::string& option, const std::string& text) {
  if (text.empty()) return {};
  if (text == never) body[member] = nullptr;
  else body[member] = TRY(seconds_of(option, text));
  return {};
}

Status add_actions(json::object& body, const std::vector<std::string>& words) {
  constexpr std::array clocks = {std::pair("max-age", "max_age"), std::pair("idle", "idle"), std::pair("at", "at")};
  json::object each;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      if (words.size() > 1)
        return fail(Code::invalid, "--on-expiry: give one action for all clocks, or CLOCK=ACTION for each");
      body["on_expiry"] = word;
      return {};
    }
    const auto clock = std::ranges::find(clocks, word.substr(0, equals), &std::pair<const char*, const char*>::first);
    if (clock == clocks.end())
      return fail(Code::invalid,
                  "--on-expiry: the clocks are max-age, idle and at; got \"" + word.substr(0, equals) + "\"");
    each[clock->second] = word.substr(equals + 1);
  }
  if (!each.empty()) body["on_expiry"] = std::move(each);
  return {};
}

json::array array_of(const std::vector<std::string>& words) { return json::array(words.begin(), words.end()); }

}  // namespace

Result<json::object> mount_of(const std::string& text) {
  const auto colon = text.find(':');
  auto path = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  const bool read_only = path.ends_with(":ro");
  if (read_only) path.resize(path.size() - 3);
  if (colon == 0 || path.empty() || path.front() != '/')
    return fail(Code::invalid,
                "--mount: expected VOLUME:/PATH or VOLUME:/PATH:ro; got \"" + text.substr(0, 120) + "\"");
  return json::object{{"volume", text.substr(0, colon)}, {"path", path}, {"read_only", read_only}};
}

Result<double> seconds_of(const std::string& option, const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) return tl::unexpected(in_context(option, duration.error()));
  return seconds(*duration);
}

Result<json::object> map_of(const std::string& option, const std::vector<std::string>& pairs, bool inherit) {
  json::object map;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    const auto key = pair.substr(0, equals);
    const char* own = equals == std::string::npos && inherit ? std::getenv(key.c_str()) : nullptr;
    if (key.empty() || (equals == std::string::npos && !own))
      return fail(Code::invalid, option + ": expected KEY=VALUE" +
                                     (inherit ? " or the name of a variable that is set here" : "") + "; got \"" +
                                     key.substr(0, 80) + "\"");
    map[key] = own ? own : pair.substr(equals + 1);
  }
  return map;
}

Result<json::object> lifetime_body(const LifetimeOptions& options) {
  json::object body;
  TRY(add_clock(body, "max_age_seconds", "--max-age", options.max_age));
  TRY(add_clock(body, "idle_seconds", "--idle", options.idle));
  TRY(add_clock(body, "limit_seconds", "--limit", options.limit));
  if (options.at == never) body["at"] = nullptr;
  else if (!options.at.empty()) body["at"] = options.at;
  TRY(add_actions(body, options.on_expiry));
  return body;
}

Result<json::object> create_body(const CreateOptions& options) {
  json::object body;
  const auto add_text = [&](const char* member, const std::string& text) {
    if (!text.empty()) body[member] = text;
  };
  add_text("image", options.image);
  add_text("name", options.name);
  add_text("restore_from", options.restore_from);
  add_text("workdir", options.workdir);
  add_text("network", options.network);
  if (!options.standby.empty()) body["standby_seconds"] = std::llround(TRY(seconds_of("--standby", options.standby)));
  if (!options.labels.empty()) body["labels"] = TRY(map_of("--label", options.labels));
  if (!options.env.empty()) body["env"] = TRY(map_of("--env", options.env, true));
  if (!options.exclude.empty()) body["exclude"] = array_of(options.exclude);
  json::array mounts;
  for (const auto& text : options.mounts) mounts.push_back(TRY(mount_of(text)));
  if (!mounts.empty()) body["mounts"] = std::move(mounts);
  json::object resources;
  if (options.cpus != 0) resources["cpus"] = options.cpus;
  if (options.memory_mb != 0) resources["memory_mb"] = options.memory_mb;
  if (options.pids != 0) resources["pids"] = options.pids;
  if (options.disk_mb != 0) resources["disk_mb"] = options.disk_mb;
  if (!resources.empty()) body["resources"] = std::move(resources);
  if (auto lifetime = TRY(lifetime_body(options.lifetime)); !lifetime.empty()) body["lifetime"] = std::move(lifetime);
  return body;
}

Result<json::object> exec_body(const ExecOptions& options) {
  if (options.command.empty())
    return fail(Code::invalid, "no command; put it after --, as in: mayfly exec SANDBOX -- ls /");
  json::object body = {{"command", array_of(options.command)}};
  if (!options.env.empty()) body["env"] = TRY(map_of("--env", options.env, true));
  if (!options.cwd.empty()) body["cwd"] = options.cwd;
  if (!options.name.empty()) body["name"] = options.name;
  if (!options.timeout.empty()) body["timeout_seconds"] = TRY(seconds_of("--timeout", options.timeout));
  return body;
}

}  // namespace mayfly::cli
