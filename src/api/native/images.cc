#include "api/native/handler.h"
#include "api/native/render.h"
#include "api/native/routes.h"

namespace mayfly::api::native {

namespace {

Result<http::Response> list(Services& services, const Caller& caller, const http::Request& request) {
  TRY(only_query(request, {}));
  boost::json::array items;
  for (const auto& image : TRY(services.images.list(caller))) items.push_back(render(image));
  return ok({{"items", std::move(items)}, {"next_cursor", nullptr}});
}

Result<http::Response> import(Services& services, const Caller& caller, const http::Request& request) {
  json::Reader reader(request.body);
  const auto path = reader.string("path", {.min = 1, .max = 4096});
  const auto name = reader.string("name", {.min = 1, .max = 128});
  TRY(reader.finish());
  if (path.front() != '/') return fail(Code::invalid, "path must be absolute on the server's host", "path_relative");
  return ok(render(TRY(services.images.import(caller, path, name))), 201);
}

}  // namespace

void add_image_routes(http::Router& router, Services& services) {
  router.add({"GET", "/v1/images", blocking(services, [&services](const Caller& caller, const http::Request& request) {
                return list(services, caller, request);
              })});
  router.add({"POST", "/v1/images", blocking(services, [&services](const Caller& caller, const http::Request& request) {
                return import(services, caller, request);
              }), 1 << 20, true});
  router.add(
      {"DELETE", "/v1/images/{name}",
       blocking(services, [&services](const Caller& caller, const http::Request& request) -> Result<http::Response> {
         TRY(services.images.remove(caller, request.param("name")));
         return ok({{"removed", request.param("name")}});
       })});
}

}  // namespace mayfly::api::native
