#include "api/dreadnode/lifecycle.h"

#include "api/dreadnode/config.h"
#include "api/dreadnode/handler.h"
#include "api/dreadnode/render.h"
#include "api/dreadnode/routes.h"
#include "api/dreadnode/start_stream.h"

namespace mayfly::api::dreadnode {

namespace {

const std::string base = "/api/v1/org/{org}/ws/{ws}/runtimes/{id}/";

void keepalive(Services& services, const Caller& caller, const Once& once,
               std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto wish = read_extension(request->body);
  if (!wish) return respond(refused(wish.error()));
  services.runtimes.keepalive(caller, request->param("id"), *wish,
                              [respond](Result<KeptAlive> kept) {
                                respond(kept ? ok(render(*kept)) : refused(kept.error()));
                              },
                              once);
}

void start(Services& services, const Caller& caller, const Once& once, std::shared_ptr<const http::Request> request,
           http::Responder respond) {
  const auto wish = read_start(request->body);
  if (!wish) return respond(refused(wish.error()));
  services.runtimes.start(caller, request->param("id"), *wish,
                          [&services, caller, request, respond](Result<RuntimeView> view) {
                            respond(view ? ok(render_started(services, *view, caller, *request))
                                         : refused(view.error()));
                          },
                          once);
}

/// The credential again, of what runs; nothing is started.
Result<http::Response> reconnect(Services& services, const Caller& caller, const http::Request& request) {
  TRY(read_start(request.body));
  const auto view = TRY(services.runtimes.get(caller, request.param("id")));
  TRY(Runtimes::require_owner(caller, view.runtime));
  if (view.state() == RuntimeState::running) return ok(render_started(services, view, caller, request));
  const std::string state(name(view.state()));
  return fail(Code::conflict, "runtime " + view.runtime.resource.name + " is " + state + ": start it",
              view.state() == RuntimeState::idle ? "runtime_idle" : "state_" + state);
}

using Move = void (Runtimes::*)(const Caller&, const std::string&, Runtimes::Then, const Once&);

void add_move(http::Router& router, Services& services, const std::string& verb, Move move) {
  router.add({"POST", base + verb,
              waiting(services, [&services, move](const Caller& caller, const Once& once,
                                                  std::shared_ptr<const http::Request> request,
                                                  http::Responder respond) {
                (services.runtimes.*move)(caller, request->param("id"),
                                          [caller, respond](Result<RuntimeView> view) {
                                            respond(view ? ok(render(*view, caller)) : refused(view.error()));
                                          },
                                          once);
              })});
}

}  // namespace

Result<lifetime::Extension> read_extension(const std::string& text) {
  json::Reader body(TRY(body_of(text, {"extend_seconds", "until"})));
  lifetime::Extension wish;
  if (body.has("until") && !body.is_null("until")) {
    const auto until = parse_wall_time(body.string("until", {.min = 1, .max = 64}));
    if (until) wish.until = *until;
    else body.complain("until", "an RFC 3339 time with an offset, such as 2026-11-21T10:30:00Z", "something else");
    if (body.has("extend_seconds")) body.complain("extend_seconds", "left out where until is given", "both");
  } else {
    wish.by = std::chrono::seconds(body.integer("extend_seconds", {.min = 60, .max = 3600}));
  }
  TRY(body.finish());
  return wish;
}

Result<RuntimeStart> read_start(const std::string& text) {
  json::Reader body(TRY(body_of(text, {"secret_ids", "requested_runtime_limit_seconds", "if_stale"})));
  RuntimeStart wish;
  const auto secrets = body.optional_string_list("secret_ids", 64).value_or(std::vector<std::string>());
  if (!secrets.empty())
    body.complain("secret_ids", "none: this server keeps no secrets; use runtime_server.env", secrets.front());
  if (const auto limit = body.optional_integer("requested_runtime_limit_seconds", {.min = 60, .max = 31'622'400}))
    wish.requested_limit = std::chrono::seconds(*limit);
  const auto stale = body.optional_word("if_stale", {"keep", "replace", "fail"}).value_or("keep");
  wish.if_stale = stale == "replace" ? IfStale::replace : stale == "fail" ? IfStale::fail : IfStale::keep;
  TRY(body.finish());
  return wish;
}

void add_lifecycle_routes(http::Router& router, Services& services) {
  router.add({"POST", base + "keepalive",
              parked(services, [&services](const Caller& caller, const Once& once,
                                           std::shared_ptr<const http::Request> request, http::Responder respond) {
                keepalive(services, caller, once, std::move(request), std::move(respond));
              })});
  router.add({"POST", base + "start",
              waiting(services, [&services](const Caller& caller, const Once& once,
                                            std::shared_ptr<const http::Request> request, http::Responder respond) {
                start(services, caller, once, std::move(request), std::move(respond));
              })});
  http::Route stream{"POST", base + "start/stream",
                     blocking(services, [&services](const Caller& caller, const Once& once,
                                                    const http::Request& request) {
                       return stream_start(services, caller, once, request);
                     })};
  stream.long_running = true;
  router.add(std::move(stream));
  router.add({"POST", base + "reconnect",
              blocking(services, [&services](const Caller& caller, const Once&, const http::Request& request) {
                return reconnect(services, caller, request);
              })});
  router.add({"POST", base + "reset",
              blocking(services, [&services](const Caller& caller, const Once& once,
                                             const http::Request& request) -> Result<http::Response> {
                return ok(render(TRY(services.runtimes.reset(caller, request.param("id"), once)), caller));
              })});
  add_move(router, services, "pause", &Runtimes::pause);
  add_move(router, services, "resume", &Runtimes::resume);
  add_move(router, services, "stop", &Runtimes::stop);
}

}  // namespace mayfly::api::dreadnode
