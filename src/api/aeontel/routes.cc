#include "api/aeontel/routes.h"

#include "api/aeontel/handler.h"

namespace mayfly::api::aeontel {

void add_routes(http::Router& router, Services& services) {
  router.refuse("/api", [](int status, std::string_view detail, const http::Request& request) {
    return refused(status, detail, request);
  });
  add_cleanup_task_routes(router, services);
  add_forest_routes(router, services);
  add_trash_routes(router, services);
  add_cleanup_control_routes(router, services);
}

}  // namespace mayfly::api::aeontel
