#include "api/native/delete_policy.h"
#include "api/native/handler.h"
#include "api/native/lifetime_fields.h"
#include "api/native/render.h"
#include "api/native/routes.h"
#include "api/native/variables.h"

namespace mayfly::api::native {

namespace {

// A create that waits is answered as it stands after this long; the start goes on.
constexpr Duration create_patience = 60s;

void read_resources(json::Reader reader, Resources& into) {
  if (const auto cpus = reader.optional_number("cpus", {.min = 0.01, .max = 256})) into.cpus = *cpus;
  const auto whole = [&](std::string_view key, std::int64_t least, std::int64_t most, std::int64_t& field) {
    if (const auto value = reader.optional_integer(key, {.min = least, .max = most})) field = *value;
  };
  whole("memory_mb", 16, 1 << 20, into.memory_mb);
  whole("pids", 4, 1 << 20, into.pids);
  whole("disk_mb", 1, 1 << 24, into.disk_mb);
}

Result<NewSandbox> read_new_sandbox(const std::string& body) {
  json::Reader reader(body);
  NewSandbox wish;
  wish.name = reader.optional_string("name", {.min = 1, .max = 63}).value_or("");
  const auto image = reader.optional_string("image", {.min = 1, .max = 256});
  wish.image_given = image.has_value();
  wish.spec.image = image.value_or("busybox");
  wish.spec.restore_from = reader.optional_string("restore_from", {.min = 1, .max = 64}).value_or("");
  wish.labels = reader.optional_string_map("labels", 64, {.max = 256}).value_or(Labels());
  if (wish.labels.contains("")) reader.complain("labels", "names of at least 1 byte", "the string \"\"");
  wish.spec.env = read_variables(reader);
  wish.spec.workdir = reader.optional_string("workdir", {.min = 1, .max = 4096}).value_or("/");
  if (wish.spec.workdir.front() != '/') reader.complain("workdir", "an absolute path", "\"" + wish.spec.workdir + "\"");
  wish.spec.exclude = reader.optional_string_list("exclude", 64, {.min = 2, .max = 4096}).value_or(Exclusions());
  for (const auto& path : wish.spec.exclude)
    if (path.front() != '/') reader.complain("exclude", "absolute paths inside the sandbox", "\"" + path + "\"");
  if (const auto word = reader.optional_string("network", {.max = 32})) {
    const auto access = parse_network_access(*word);
    if (access) wish.spec.network = *access;
    else reader.complain("network", "none or outbound", "\"" + *word + "\"");
  }
  wish.spec.standby_seconds = reader.optional_integer("standby_seconds", {.min = 1, .max = 86'400}).value_or(0);
  for (auto& mount : reader.objects("mounts", most_mounts)) {
    VolumeMount wanted;
    // One of the two, and each has names of its own.
    const auto database = mount.optional_string("database", {.min = 1, .max = 80});
    if (database && mount.has("volume")) mount.complain("database", "no volume beside it", "both");
    if (database) wanted.kind = Kind::database;
    wanted.volume = {database ? *database : mount.string("volume", {.min = 1, .max = 80})};
    wanted.path = mount.string("path", {.min = 1, .max = 1024});
    wanted.read_only = mount.optional_bool("read_only").value_or(false);
    wish.mounts.push_back(std::move(wanted));
  }
  wish.resources_given = reader.has("resources");
  read_resources(reader.nested("resources"), wish.spec.resources);
  auto lifetime = reader.nested("lifetime");
  read_lifetime(lifetime, wish.lifetime);
  TRY(reader.finish());
  TRY(check_mounts(wish.mounts));
  return wish;
}

void create(Services& services, const Caller& caller, const Once& once, std::shared_ptr<const http::Request> request,
            http::Responder respond) {
  const auto work = [&]() -> Status {
    TRY(only_query(*request, {"wait"}));
    const bool wait = TRY(query_flag(*request, "wait", true));
    const auto wish = TRY(read_new_sandbox(request->body));
    const auto tell = wait ? TRY(holding_place(services, once, respond)) : respond;
    const auto made = services.sandboxes.create(caller, wish, once);
    if (!made || !wait) {
      tell(made ? ok(render(*made), 202) : problem(made.error(), request->id));
      return {};
    }
    if (made->resource.state == State::running && !once) {   // it stood ready; a repeat looks what became of the first
      tell(ok(render(*made), 201));
      return {};
    }
    services.sandboxes.when_settled(caller, made->resource.id, create_patience, [=](Result<Sandbox> settled) {
      if (!settled) return tell(problem(settled.error(), request->id));
      const auto state = settled->resource.state;
      // One that did start may have been deleted since, before a repeat of its create.
      if ((state == State::deleting || state == State::gone) && !(once && settled->started_at))
        return tell(problem({Code::conflict,
                             "sandbox " + settled->resource.id.text + " was deleted while it started",
                             "deleted_while_starting",
                             {}},
                            request->id));
      if (state == State::failed)
        return tell(problem({Code::unavailable,
                             "sandbox " + settled->resource.id.text + " did not start: " + settled->work.last_error,
                             "start_failed", {}}, request->id));
      tell(ok(render(*settled), lifecycle::transitional(state) ? 202 : 201));
    });
    return {};
  };
  if (const auto done = work(); !done) respond(problem(done.error(), request->id));
}

/// Whether it sleeps is no state of it: the next call finds it awake.
json::object with_power(const Services& services, const Sandbox& sandbox) {
  auto body = render(sandbox);
  if (sandbox.spec.standby_seconds != 0)
    body["power"] = services.standby.asleep(sandbox.resource.id) ? "asleep" : "awake";
  return body;
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {"limit", "cursor", "state", "label", "image"}));
  SandboxFilter filter;
  for (const auto& [name, value] : request.query) {
    if (name == "state") {
      const auto state = parse_state(value);
      if (!state) return fail(Code::invalid, "no such state: \"" + value.substr(0, 40) + "\"", "query_invalid");
      filter.states.push_back(*state);
    } else if (name == "label") {
      const auto equals = value.find('=');
      if (equals == std::string::npos)
        return fail(Code::invalid, "label must read key=value; got \"" + value.substr(0, 80) + "\"", "query_invalid");
      filter.labels[value.substr(0, equals)] = value.substr(equals + 1);
    } else if (name == "image") {
      filter.image = value;
    }
  }
  const auto page = TRY(page_of(services, caller, request));
  const auto rows = TRY(services.sandboxes.list(caller, filter, page));
  return list_of(services, rows, page, [&](const Sandbox& s) { return with_power(services, s); },
                 [](const Sandbox& s) { return s.resource.id.text; });
}

Result<http::Response> remove(Services& services, const Caller& caller, const Once& once,
                              const http::Request& request) {
  const auto wish = TRY(read_delete(request));
  const auto accepted = TRY(services.sandboxes.remove(caller, request.param("id"), wish, once));
  auto body = render(accepted.sandbox);
  body["cleanup_task_id"] = accepted.task.text;
  auto response = ok(body, 202);
  response.headers.emplace_back("Location", services.front.public_url + "/v1/cleanup-tasks/" + accepted.task.text);
  return response;
}

}  // namespace

void add_sandbox_routes(http::Router& router, Services& services) {
  router.add({"POST", "/v1/sandboxes",
              parked_once(services, [&services](const Caller& caller, const Once& once,
                                                std::shared_ptr<const http::Request> request,
                                                http::Responder respond) {
                services.post([&services, caller, once, request, respond] {
                  create(services, caller, once, request, respond);
                });
              })});
  router.add(
      {"GET", "/v1/sandboxes", blocking(services, [&services](const Caller& caller, const http::Request& request) {
         return list(services, caller, request);
       })});
  router.add(
      {"GET", "/v1/sandboxes/{id}",
       blocking(services, [&services](const Caller& caller, const http::Request& request) -> Result<http::Response> {
         return ok(with_power(services, TRY(services.sandboxes.get(caller, request.param("id")))));
       })});
  router.add({"DELETE", "/v1/sandboxes/{id}",
              blocking_once(services, [&services](const Caller& caller, const Once& once,
                                                  const http::Request& request) {
                return remove(services, caller, once, request);
              })});
}

}  // namespace mayfly::api::native
