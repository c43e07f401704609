#include "api/native/handler.h"
#include "api/native/lifetime_fields.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

// A move that waits is answered as it stands after this long; the worker goes on.
constexpr Duration move_patience = 30s;

Result<lifetime::Extension> read_extension(const std::string& body) {
  json::Reader reader(body);
  lifetime::Extension wish;
  if (const auto by = reader.optional_number("extend_seconds", {.min = 1, .max = 31'536'000}))
    wish.by = from_seconds(*by);
  wish.until = read_instant(reader, "until");
  TRY(reader.finish());
  if (wish.by.has_value() == wish.until.has_value())
    return fail(Code::invalid, "give either extend_seconds or until", "extension_ambiguous");
  return wish;
}

http::Response describe(const lifetime::Extended& extended) {
  return ok({{"expires_at", time_or_null(extended.expires_at)},
             {"limit_at", time_or_null(extended.limit_at)},
             {"clamped", extended.clamped}});
}

void keepalive(Services& services, const Caller& caller, std::shared_ptr<const http::Request> request,
               http::Responder respond) {
  const auto wish = read_extension(request->body);
  if (!wish) return respond(problem(wish.error(), request->id));
  services.sandboxes.extend(caller, request->param("id"), *wish,
                            [request, respond](Result<lifetime::Extended> extended) {
                              respond(extended ? describe(*extended) : problem(extended.error(), request->id));
                            });
}

Result<http::Response> set_expiry(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader check(request.body);
  LifetimePolicy scratch;
  read_lifetime(check, scratch);
  TRY(check.finish());
  return ok(render(TRY(services.sandboxes.set_lifetime(caller, request.param("id"), [&](LifetimePolicy& policy) {
    json::Reader reader(request.body);
    read_lifetime(reader, policy);
  }))));
}

using Ask = Result<Sandbox> (Sandboxes::*)(const Caller&, const std::string&);

/// Asks for the move and answers when it is made.
void add_move(http::Router& router, Services& services, const std::string& verb, Ask ask) {
  router.add({"POST", "/v1/sandboxes/{id}/" + verb,
              parked(services, [&services, ask](const Caller& caller, std::shared_ptr<const http::Request> request,
                                                http::Responder respond) {
                services.post([&services, ask, caller, request, respond] {
                  const auto asked = (services.sandboxes.*ask)(caller, request->param("id"));
                  if (!asked) return respond(problem(asked.error(), request->id));
                  services.sandboxes.when_settled(
                      caller, asked->resource.id, move_patience, [request, respond](Result<Sandbox> settled) {
                        if (!settled) return respond(problem(settled.error(), request->id));
                        respond(ok(render(*settled), lifecycle::transitional(settled->resource.state) ? 202 : 200));
                      });
                });
              })});
}

}  // namespace

void add_lifecycle_routes(http::Router& router, Services& services) {
  router.add({"POST", "/v1/sandboxes/{id}/keepalive",
              parked(services, [&services](const Caller& caller, std::shared_ptr<const http::Request> request,
                                           http::Responder respond) {
                keepalive(services, caller, std::move(request), std::move(respond));
              })});
  router.add({"PUT", "/v1/sandboxes/{id}/expiry",
              blocking(services, [&services](const Caller& caller, const http::Request& request) {
                return set_expiry(services, caller, request);
              })});
  add_move(router, services, "pause", &Sandboxes::pause);
  add_move(router, services, "resume", &Sandboxes::resume);
  add_move(router, services, "stop", &Sandboxes::stop);
  add_move(router, services, "start", &Sandboxes::start);
}

}  // namespace mayfly::api::native
