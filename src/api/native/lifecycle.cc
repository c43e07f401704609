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
    return tl::unexpected(one_of_two("extend_seconds", "until", wish.by.has_value(), "extension_ambiguous"));
  return wish;
}

http::Response describe(const lifetime::Extended& extended) {
  return ok({{"expires_at", time_or_null(extended.expires_at)},
             {"limit_at", time_or_null(extended.limit_at)},
             {"clamped", extended.clamped}});
}

void keepalive(Services& services, const Caller& caller, const Once& once,
               std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto wish = read_extension(request->body);
  if (!wish) return respond(problem(wish.error(), request->id));
  services.sandboxes.extend(caller, request->param("id"), *wish,
                            [request, respond](Result<lifetime::Extended> extended) {
                              respond(extended ? describe(*extended) : problem(extended.error(), request->id));
                            },
                            once);
}

Result<http::Response> set_expiry(Services& services, const Caller& caller, const Once& once,
                                  const http::Request& request) {
  if (request.body.find_first_not_of(" \t\r\n") == std::string::npos)
    return tl::unexpected(Error{Code::invalid, "there is no body: it must be an object of what to change",
                                "body_missing", {{"", "an object of what to change", "nothing"}}});
  json::Reader check(request.body);
  LifetimePolicy scratch;
  read_lifetime(check, scratch);
  TRY(check.finish());
  const auto change = [&](LifetimePolicy& policy) {
    json::Reader reader(request.body);
    read_lifetime(reader, policy);
  };
  return ok(render(TRY(services.sandboxes.set_lifetime(caller, request.param("id"), change, once))));
}

using Ask = Result<Sandbox> (Sandboxes::*)(const Caller&, const std::string&, const Once&);

/// Asks for the move and answers when it is made.
void move(Services& services, const Caller& caller, const Once& once, Ask ask,
          std::shared_ptr<const http::Request> request, http::Responder respond) {
  const auto held = holding_place(services, once, respond);
  if (!held) return respond(problem(held.error(), request->id));
  const auto asked = (services.sandboxes.*ask)(caller, request->param("id"), once);
  if (!asked) return (*held)(problem(asked.error(), request->id));
  services.sandboxes.when_settled(
      caller, asked->resource.id, move_patience, [request, tell = *held](Result<Sandbox> settled) {
        if (!settled) return tell(problem(settled.error(), request->id));
        tell(ok(render(*settled), lifecycle::transitional(settled->resource.state) ? 202 : 200));
      });
}

void add_move(http::Router& router, Services& services, const std::string& verb, Ask ask) {
  router.add({"POST", "/v1/sandboxes/{id}/" + verb,
              parked_once(services, [&services, ask](const Caller& caller, const Once& once,
                                                     std::shared_ptr<const http::Request> request,
                                                     http::Responder respond) {
                services.post([&services, ask, caller, once, request, respond] {
                  move(services, caller, once, ask, request, respond);
                });
              })});
}

}  // namespace

void add_lifecycle_routes(http::Router& router, Services& services) {
  router.add({"POST", "/v1/sandboxes/{id}/keepalive",
              parked_once(services, [&services](const Caller& caller, const Once& once,
                                                std::shared_ptr<const http::Request> request,
                                                http::Responder respond) {
                keepalive(services, caller, once, std::move(request), std::move(respond));
              })});
  router.add({"PUT", "/v1/sandboxes/{id}/expiry",
              blocking_once(services, [&services](const Caller& caller, const Once& once,
                                                  const http::Request& request) {
                return set_expiry(services, caller, once, request);
              })});
  add_move(router, services, "pause", &Sandboxes::pause);
  add_move(router, services, "resume", &Sandboxes::resume);
  add_move(router, services, "stop", &Sandboxes::stop);
  add_move(router, services, "start", &Sandboxes::start);
}

}  // namespace mayfly::api::native
