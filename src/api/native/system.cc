#include "api/native/handler.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

http::Response text(int status, std::string body, std::string type) {
  http::Response response;
  response.status = status;
  response.headers = {{"Content-Type", std::move(type)}};
  response.body = std::move(body);
  return response;
}

Result<http::Response> move_clock(Services& services, const Caller& caller, const http::Request& request) {
  TRY(require(caller, Role::admin));
  json::Reader reader(request.body);
  const auto forward = reader.optional_number("advance_seconds", {.min = -3.2e8, .max = 3.2e8});
  TRY(reader.finish());
  if (!forward) return fail(Code::invalid, "advance_seconds is needed", "advance_missing");
  return ok({{"now", TRY(services.move_clock(*from_seconds(*forward)))}});
}

}  // namespace

void add_system_routes(http::Router& router, Services& services) {
  router.add({"GET", "/healthz", http::AsyncHandler([](auto, http::Responder respond) {
                respond(text(200, "ok\n", "text/plain"));
              })});
  router.add({"GET", "/readyz", http::BlockingHandler([&services](const http::Request& request) {
                const auto ready = services.ready();
                return ready ? text(200, "ready\n", "text/plain") : problem(ready.error(), request.id);
              })});
  router.add({"GET", "/metrics", http::BlockingHandler([&services](const http::Request&) {
                return text(200, services.metrics(), "text/plain; version=0.0.4");
              })});
  router.add({"GET", "/openapi.json", http::AsyncHandler([&services](auto, http::Responder respond) {
                respond(text(200, services.openapi, "application/json"));
              })});
  if (services.move_clock)
    router.add(
        {"POST", "/test/clock", blocking(services, [&services](const Caller& caller, const http::Request& request) {
           return move_clock(services, caller, request);
         })});
}

void add_routes(http::Router& router, Services& services) {
  router.refuse("", [](int status, std::string_view detail, const http::Request& request) {
    return problem(status, detail, request);
  });
  add_sandbox_routes(router, services);
  add_lifecycle_routes(router, services);
  add_process_routes(router, services);
  add_file_routes(router, services);
  add_port_routes(router, services);
  add_archive_routes(router, services);
  add_cleanup_routes(router, services);
  add_cleanup_control_routes(router, services);
  add_image_routes(router, services);
  add_people_routes(router, services);
  add_key_routes(router, services);
  add_workspace_routes(router, services);
  add_volume_routes(router, services);
  add_doctor_routes(router, services);
  add_system_routes(router, services);
}

}  // namespace mayfly::api::native
