#pragma once
// Aeontel's API as clients of cleanup tasks know it, /api.

#include "api/services.h"
#include "http/router.h"

namespace mayfly::api::aeontel {

void add_cleanup_task_routes(http::Router& router, Services& services);
void add_forest_routes(http::Router& router, Services& services);
void add_trash_routes(http::Router& router, Services& services);
void add_cleanup_control_routes(http::Router& router, Services& services);

void add_routes(http::Router& router, Services& services);

}  // namespace mayfly::api::aeontel
