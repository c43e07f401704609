#include "api/dreadnode/config.h"
#include "api/dreadnode/handler.h"
#include "api/dreadnode/render.h"
#include "api/dreadnode/routes.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::object;

constexpr std::size_t config_limit = 1 << 20;
const std::string base = "/api/v1/org/{org}/ws/{ws}/runtimes";

Result<NewRuntime> read_new_runtime(const std::string& text) {
  json::Reader body(TRY(body_of(text, {"project", "key", "name", "description", "config",
                                       "requested_runtime_limit_seconds"})));
  NewRuntime wish;
  wish.project = body.optional_string("project", {.min = 1, .max = 63}).value_or("");
  wish.key = body.optional_string("key", {.min = 1, .max = 80}).value_or("");
  wish.title = body.optional_string("name", {.min = 1, .max = 256}).value_or("");
  wish.description = body.optional_string("description", {.max = 4096}).value_or("");
  wish.config_given = body.has("config") && !body.is_null("config");
  wish.config = read_config(body);
  if (const auto limit = body.optional_integer("requested_runtime_limit_seconds", {.min = 60, .max = 31'622'400}))
    wish.requested_limit = std::chrono::seconds(*limit);
  if (wish.project.empty() && wish.key.empty()) body.complain("key", "given where there is no project", "nothing");
  if (wish.project.empty() && wish.title.empty()) body.complain("name", "given where there is no project", "nothing");
  TRY(body.finish());
  return wish;
}

Result<http::Response> create(Services& services, const Caller& caller, const Once& once,
                              const http::Request& request) {
  const auto view = TRY(services.runtimes.ensure(caller, TRY(read_new_runtime(request.body)), once));
  auto body = render(view, caller);
  body["created"] = view.created;
  return ok(body, view.created ? 201 : 200);
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  RuntimeFilter filter;
  for (const auto& word : words_of(request, "state")) {
    const auto state = parse_runtime_state(word);
    if (!state) return bad_query("state", "idle, running, paused or stopped", "\"" + word.substr(0, 40) + "\"");
    filter.states.push_back(*state);
  }
  if (const auto* project = request.query_value("project_id")) filter.project = *project;
  if (const auto* owner = request.query_value("owner")) filter.owner = *owner == "me" ? caller.user : UserId{*owner};
  const auto page = TRY(page_of(services, caller, request));
  return ok(list_of(services, TRY(services.runtimes.list(caller, filter, one_more(page))), page,
                    [&](const RuntimeView& view) { return render(view, caller); },
                    [](const RuntimeView& view) { return view.runtime.resource.id.text; }));
}

Result<http::Response> get(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render(TRY(services.runtimes.get(caller, request.param("id"))), caller));
}

Result<http::Response> remove(Services& services, const Caller& caller, const Once& once,
                              const http::Request& request) {
  const auto deleted = TRY(services.runtimes.remove(caller, request.param("id"), once));
  auto response = ok(object{{"id", dashed(uid_of(deleted.runtime.resource.id))},
                            {"status", "deleting"},
                            {"cleanup_task_id", deleted.task.text}},
                     202);
  response.headers.emplace_back("Location", services.front.public_url + "/v1/cleanup-tasks/" + deleted.task.text);
  return response;
}

Result<http::Response> get_config(Services& services, const Caller& caller, const http::Request& request) {
  return ok(render_config(TRY(services.runtimes.get(caller, request.param("id"))).runtime, caller));
}

Result<http::Response> put_config(Services& services, const Caller& caller, const Once& once,
                                  const http::Request& request) {
  json::Reader body(TRY(body_of(request.body, {"config"})));
  if (!body.has("config") || body.is_null("config")) body.complain("config", "an object", "nothing");
  const auto config = read_config(body);
  TRY(body.finish());
  const auto view = TRY(services.runtimes.replace_config(caller, request.param("id"), config, once));
  auto answer = render_config(view.runtime, caller);
  answer["materialization_stale"] = view.stale();
  return ok(answer);
}

Result<http::Response> capabilities(Services& services, const Caller& caller, const http::Request& request) {
  const auto runtime = TRY(services.runtimes.get(caller, request.param("id"))).runtime;
  return ok(object{{"items", capabilities_of(runtime)}});
}

object render(const RuntimeLimits& limits) {
  const auto whole = [](const std::optional<Duration>& span) {
    return span ? boost::json::value(std::chrono::duration_cast<std::chrono::seconds>(*span).count())
                : boost::json::value();
  };
  return {{"platform_max_seconds", whole(limits.platform_max)},
          {"platform_default_seconds", whole(limits.platform_default)},
          {"max_seconds", whole(limits.organization.most)},
          {"default_seconds", whole(limits.organization.standard)}};
}

Result<http::Response> get_limits(Services& services, const Caller&, const http::Request& request) {
  return ok(render(TRY(services.runtimes.limits(TRY(services.access.organization(request.param("org")))))));
}

Result<http::Response> put_limits(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader body(TRY(body_of(request.body, {"max_seconds", "default_seconds"})));
  const auto read = [&](const char* name) -> std::optional<Duration> {
    const auto value = body.optional_integer(name, {.min = 60, .max = 31'622'400});
    return value ? std::optional<Duration>(std::chrono::seconds(*value)) : std::nullopt;
  };
  const OrganizationLimits wanted{read("max_seconds"), read("default_seconds")};
  TRY(body.finish());
  const auto organization = TRY(services.access.organization(request.param("org")));
  return ok(render(TRY(services.runtimes.set_limits(caller, organization,
                                                    [&](OrganizationLimits& limits) { limits = wanted; }))));
}

}  // namespace

void add_runtime_routes(http::Router& router, Services& services) {
  const auto changing = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const Once& once,
                                                    const http::Request& request) {
      return function(services, caller, once, request);
    });
  };
  const auto plain = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const Once&, const http::Request& request) {
      return function(services, caller, request);
    });
  };
  router.add({"POST", base, changing(create), config_limit});
  router.add({"GET", base, plain(list)});
  router.add({"GET", base + "/{id}", plain(get)});
  router.add({"DELETE", base + "/{id}", changing(remove)});
  router.add({"GET", base + "/{id}/config", plain(get_config)});
  router.add({"PUT", base + "/{id}/config", changing(put_config), config_limit});
  router.add({"GET", base + "/{id}/capabilities", plain(capabilities)});
  router.add({"GET", "/api/v1/org/{org}/runtime-limits", plain(get_limits)});
  router.add({"PUT", "/api/v1/org/{org}/runtime-limits", plain(put_limits)});
}

void add_routes(http::Router& router, Services& services) {
  router.refuse("/api/v1", [](int status, std::string_view detail, const http::Request&) {
    return refused(status, detail);
  });
  add_runtime_routes(router, services);
  add_lifecycle_routes(router, services);
  add_sandbox_routes(router, services);
  add_inside_routes(router, services);
}

}  // namespace mayfly::api::dreadnode
