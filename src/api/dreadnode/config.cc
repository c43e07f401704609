#include "api/dreadnode/config.h"

#include <algorithm>

namespace mayfly::api::dreadnode {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::size_t most_labels = 64, most_variables = 256, most_ports = 32, most_capabilities = 64;
constexpr std::string_view hidden = "***";

value or_null(const std::optional<std::string>& text) { return text ? value(*text) : value(); }

object map_of(const std::map<std::string, std::string>& map) {
  object all;
  for (const auto& [key, text] : map) all[key] = text;
  return all;
}

/// Reads the sections one by one, into what a start makes a sandbox of and into the document.
class ConfigReader {
 public:
  explicit ConfigReader(json::Reader config) : config_(std::move(config)) {}

  RuntimeConfig read() {
    document_["version"] = config_.optional_word("version", {"v2"}).value_or("v2");
    build();
    capabilities();
    defaults();
    labels();
    resources();
    server();
    sandbox();
    secrets();
    into_.document = boost::json::serialize(document_);
    return std::move(into_);
  }

 private:
  void build() {
    auto build = config_.nested("build");
    auto source = build.nested("source");
    const auto kind = source.optional_word("kind", {"builtin", "image"}).value_or("builtin");
    const auto ref = source.optional_string("ref", {.min = 1, .max = 256}).value_or("runtime");
    const auto profile = build.optional_string("profile", {.min = 1, .max = 64}).value_or("default");
    const auto provider = build.optional_word("provider", {"auto", "docker", "e2b"}).value_or("auto");
    // The one that is built in is whatever image the operator has chosen for it.
    if (kind == "image") into_.spec.image = ref;
    else if (ref != "runtime") source.complain("ref", "runtime for the kind builtin", "\"" + ref + "\"");
    document_["build"] =
        object{{"profile", profile}, {"provider", provider}, {"source", object{{"kind", kind}, {"ref", ref}}}};
  }

  void capabilities() {
    array all;
    for (auto& one : config_.objects("capabilities", most_capabilities)) {
      const auto name = one.string("name", {.min = 1, .max = 256});
      const auto version = one.optional_string("version", {.min = 1, .max = 64});
      all.push_back(object{{"name", name},
                           {"version", or_null(version)},
                           {"enabled", one.optional_bool("enabled").value_or(true)}});
    }
    document_["capabilities"] = std::move(all);
  }

  void defaults() {
    auto defaults = config_.nested("defaults");
    object all;
    for (const auto* word : {"agent", "capability", "model", "system_prompt"})
      all[word] = or_null(defaults.optional_string(word, {.max = 16'384}));
    document_["defaults"] = std::move(all);
  }

  void labels() {
    auto metadata = config_.nested("metadata");
    into_.labels = metadata.optional_string_map("labels", most_labels, {.max = 256}).value_or(Labels());
    if (into_.labels.contains("")) metadata.complain("labels", "names of at least 1 byte", "the string \"\"");
    document_["metadata"] = object{{"labels", map_of(into_.labels)}};
  }

  void resources() {
    auto resources = config_.nested("resources");
    auto& into = into_.spec.resources;
    into.cpus = resources.optional_number("cpu_cores", {.min = 1, .max = 32}).value_or(2);
    into.memory_mb = resources.optional_integer("memory_mb", {.min = 16, .max = 1 << 20}).value_or(2048);
    document_["resources"] = object{{"cpu_cores", into.cpus}, {"memory_mb", into.memory_mb}};
  }

  void server() {
    auto server = config_.nested("runtime_server");
    auto env = server.optional_string_map("env", most_variables, {.max = 65'536});
    for (const auto& [name, text] : env.value_or(Labels()))
      if (!is_variable_name(name) || !is_variable_value(text))
        server.complain("env", "names of variables and values without NUL", "\"" + name.substr(0, 80) + "\"");
    into_.spec.env = env.value_or(Labels());
    into_.port = static_cast<int>(server.optional_integer("port", {.min = 1, .max = 65'535}).value_or(into_.port));
    document_["runtime_server"] = object{{"env", map_of(into_.spec.env)}, {"port", into_.port}};
  }

  void sandbox() {
    auto sandbox = config_.nested("sandbox");
    array ports;
    if (const auto* given = sandbox.raw("exposed_ports"); given && !given->is_null()) {
      const auto fine = [](const value& port) {
        return port.is_int64() && port.get_int64() >= 1 && port.get_int64() <= 65'535;
      };
      const auto* list = given->if_array();
      if (list && list->size() <= most_ports && std::all_of(list->begin(), list->end(), fine)) ports = *list;
      else sandbox.complain("exposed_ports", "at most 32 ports from 1 to 65535", json::describe(*given));
    }
    const auto timeout = sandbox.optional_integer("timeout_seconds", {.min = 60, .max = 366 * 86'400}).value_or(3600);
    into_.timeout = std::chrono::seconds(timeout);
    const auto end = sandbox.optional_word("on_timeout", {"pause", "stop", "kill"}).value_or("pause");
    into_.on_timeout = end == "kill"   ? ExpiryAction::remove
                       : end == "stop" ? ExpiryAction::stop
                                       : ExpiryAction::pause;
    if (!sandbox.is_null("workspace_mount") && sandbox.has("workspace_mount"))
      sandbox.complain("workspace_mount", "null: this server keeps no folder across resets",
                       json::describe(*sandbox.raw("workspace_mount")));
    document_["sandbox"] = object{{"exposed_ports", std::move(ports)},
                                  {"timeout_seconds", timeout},
                                  {"on_timeout", end},
                                  {"workspace_mount", nullptr},
                                  {"egress", egress(sandbox)}};
  }

  /// Nothing said: the floor, which is no network. "*": everywhere but the host and its neighbours.
  value egress(json::Reader& sandbox) {
    if (!sandbox.has("egress") || sandbox.is_null("egress")) return nullptr;
    auto given = sandbox.nested("egress");
    const auto allow = given.optional_string_list("allow", 64, {.min = 1, .max = 256}).value_or(
        std::vector<std::string>());
    const bool all = allow == std::vector<std::string>{"*"};
    if (!allow.empty() && !all)
      given.complain("allow", R"([] for none, or ["*"] for all: single destinations cannot be told apart here)",
                     "\"" + allow.front() + "\"");
    if (all) into_.spec.network = NetworkAccess::outbound;
    array list;
    for (const auto& one : allow) list.emplace_back(one);
    return object{{"allow", std::move(list)}};
  }

  void secrets() {
    auto secrets = config_.nested("secrets");
    const auto ids = secrets.optional_string_list("secret_ids", 64).value_or(std::vector<std::string>());
    if (!ids.empty())
      secrets.complain("secret_ids", "none: this server keeps no secrets; use runtime_server.env", ids.front());
    document_["secrets"] = object{{"secret_ids", array()}};
  }

  json::Reader config_;
  RuntimeConfig into_;
  object document_;
};

void keep_known(object& config, std::string_view section, std::initializer_list<std::string_view> names) {
  if (auto* given = config.if_contains(section); given && given->is_object())
    *given = known_members(given->get_object(), names);
}

}  // namespace

object known_members(const object& given, std::initializer_list<std::string_view> names) {
  object known;
  for (const auto name : names)
    if (const auto* member = given.if_contains(name)) known[name] = *member;
  return known;
}

Result<object> body_of(const std::string& body, std::initializer_list<std::string_view> names) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return object();
  auto parsed = TRY(json::parse(body));
  if (!parsed.is_object())
    return tl::unexpected(Error{Code::invalid, "the body must be a JSON object; got " + json::describe(parsed),
                                "body_invalid", {{"", "a JSON object", json::describe(parsed)}}});
  auto known = known_members(parsed.get_object(), names);
  auto* config = known.if_contains("config");
  if (!config || !config->is_object()) return known;
  auto& sections = config->get_object();
  sections = known_members(sections, {"version", "build", "capabilities", "defaults", "metadata", "resources",
                                      "runtime_server", "sandbox", "secrets"});
  keep_known(sections, "build", {"profile", "provider", "source"});
  if (auto* build = sections.if_contains("build"); build && build->is_object())
    keep_known(build->get_object(), "source", {"kind", "ref"});
  keep_known(sections, "defaults", {"agent", "capability", "model", "system_prompt"});
  keep_known(sections, "metadata", {"labels"});
  keep_known(sections, "resources", {"cpu_cores", "memory_mb"});
  keep_known(sections, "runtime_server", {"env", "port"});
  keep_known(sections, "sandbox", {"exposed_ports", "timeout_seconds", "on_timeout", "workspace_mount", "egress"});
  keep_known(sections, "secrets", {"secret_ids"});
  if (auto* all = sections.if_contains("capabilities"); all && all->is_array())
    for (auto& one : all->get_array())
      if (one.is_object()) one = known_members(one.get_object(), {"name", "version", "enabled"});
  return known;
}

RuntimeConfig read_config(json::Reader& body) { return ConfigReader(body.nested("config")).read(); }

value show_config(const Runtime& runtime, bool to_owner) {
  auto document = json::parse(runtime.config.document).value_or(value(object()));
  if (to_owner || !document.is_object()) return document;
  if (auto* server = document.get_object().if_contains("runtime_server"); server && server->is_object())
    if (auto* env = server->get_object().if_contains("env"); env && env->is_object())
      for (auto& variable : env->get_object()) variable.value() = hidden;
  return document;
}

array capabilities_of(const Runtime& runtime) {
  const auto document = json::parse(runtime.config.document);
  if (!document || !document->is_object()) return {};
  const auto* all = document->get_object().if_contains("capabilities");
  return all && all->is_array() ? all->get_array() : array();
}

}  // namespace mayfly::api::dreadnode
