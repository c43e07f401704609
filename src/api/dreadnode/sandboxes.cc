// Sandboxes by their own ids, a provider's or a uuid. Those of the workspace that the call is made in.

#include "api/dreadnode/handler.h"
#include "api/dreadnode/inside.h"
#include "api/dreadnode/lifecycle.h"
#include "api/dreadnode/render.h"
#include "api/dreadnode/routes.h"

namespace mayfly::api::dreadnode {

namespace {

using boost::json::object;

const std::string base = "/api/v1/org/{org}/sandboxes";

/// The id as everybody below knows it. What has the form of neither is a name, and names are not asked for here.
std::string id_of(const http::Request& request) {
  const auto& given = request.param("id");
  const std::string prefix(describe(Kind::sandbox).prefix);
  const auto uuid = given.starts_with(prefix) ? uuid_in(given) : parse_uuid(given);
  return uuid ? prefix + hex(*uuid) : prefix + given;
}

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  SandboxFilter filter;
  for (const auto& word : words_of(request, "state")) {
    const auto before = filter.states.size();
    for (const auto state : {State::requested, State::starting, State::running, State::pausing, State::paused,
                             State::resuming, State::stopping, State::stopped, State::failed, State::deleting,
                             State::gone})
      if (state_word(state) == word) filter.states.push_back(state);
    if (filter.states.size() == before)
      return bad_query("state", "running, paused or killed", "\"" + word.substr(0, 40) + "\"");
  }
  if (const auto* project = request.query_value("project_id")) filter.labels["project"] = *project;
  const auto page = TRY(page_of(services, caller, request));
  return ok(list_of(services, TRY(services.sandboxes.list(caller, filter, one_more(page))), page,
                    [](const Sandbox& row) { return render(row); },
                    [](const Sandbox& row) { return row.resource.id.text; }));
}

Result<http::Response> usage(Services& services, const Caller& caller) {
  const auto workspace = TRY(services.workspaces.get(caller, caller.workspace.text));
  const auto usage = TRY(services.workspaces.usage(workspace));
  return ok(object{{"workspace_id", caller.workspace.text},
                   {"sandboxes", usage.sandboxes},
                   {"cpu_cores", usage.cpus},
                   {"memory_mb", usage.memory_mb},
                   {"disk_mb", usage.disk_mb}});
}

Result<http::Response> remove(Services& services, const Caller& caller, const Once& once,
                              const http::Request& request) {
  const auto accepted = TRY(services.runtimes.remove_sandbox(caller, id_of(request), once));
  return ok(render(accepted.sandbox));
}

void keepalive(Services& services, const Caller& caller, const Once& once,
               std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto wish = read_extension(request->body);
  if (!wish) return respond(refused(wish.error()));
  services.runtimes.keepalive_sandbox(caller, id_of(*request), *wish,
                                      [respond](Result<KeptAlive> kept) {
                                        respond(kept ? ok(render(*kept)) : refused(kept.error()));
                                      },
                                      once);
}

}  // namespace

void add_sandbox_routes(http::Router& router, Services& services) {
  const auto plain = [&services](auto function) {
    return blocking(services, [&services, function](const Caller& caller, const Once&,
                                                    const http::Request& request) -> Result<http::Response> {
      return function(services, caller, request);
    });
  };
  router.add({"GET", base, plain(list)});
  router.add({"GET", base + "/usage", plain([](Services& all, const Caller& caller, const http::Request&) {
                return usage(all, caller);
              })});
  router.add({"GET", base + "/{id}",
              plain([](Services& all, const Caller& caller, const http::Request& request) -> Result<http::Response> {
                return ok(render(TRY(all.sandboxes.get(caller, id_of(request)))));
              })});
  router.add({"GET", base + "/{id}/logs",
              plain([](Services& all, const Caller& caller, const http::Request& request) -> Result<http::Response> {
                return ok(object{{"logs", TRY(logs_of(all, caller, id_of(request)))}});
              })});
  router.add({"DELETE", base + "/{id}",
              blocking(services, [&services](const Caller& caller, const Once& once, const http::Request& request) {
                return remove(services, caller, once, request);
              })});
  router.add({"POST", base + "/{id}/keepalive",
              parked(services, [&services](const Caller& caller, const Once& once,
                                           std::shared_ptr<const http::Request> request, http::Responder respond) {
                keepalive(services, caller, once, std::move(request), std::move(respond));
              })});
}

}  // namespace mayfly::api::dreadnode
