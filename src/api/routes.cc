#include "api/routes.h"

#include "api/aeontel/routes.h"
#include "api/dreadnode/routes.h"
#include "api/native/routes.h"

namespace mayfly::api {

void add_routes(http::Router& router, Services& services) {
  native::add_routes(router, services);
  aeontel::add_routes(router, services);
  dreadnode::add_routes(router, services);
}

}  // namespace mayfly::api
