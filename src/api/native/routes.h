#pragma once
// The native API, /v1. One file per noun; each holds its routes, then reads and writes of them.

#include "api/services.h"
#include "http/router.h"

namespace mayfly::api::native {

void add_sandbox_routes(http::Router& router, Services& services);
void add_lifecycle_routes(http::Router& router, Services& services);
void add_process_routes(http::Router& router, Services& services);
void add_port_routes(http::Router& router, Services& services);
void add_file_routes(http::Router& router, Services& services);
void add_archive_routes(http::Router& router, Services& services);
void add_cleanup_routes(http::Router& router, Services& services);
void add_cleanup_control_routes(http::Router& router, Services& services);
void add_image_routes(http::Router& router, Services& services);
void add_people_routes(http::Router& router, Services& services);
void add_key_routes(http::Router& router, Services& services);
void add_workspace_routes(http::Router& router, Services& services);
void add_volume_routes(http::Router& router, Services& services);
void add_doctor_routes(http::Router& router, Services& services);
void add_system_routes(http::Router& router, Services& services);

void add_routes(http::Router& router, Services& services);
/// All that a listener of its own for ports serves.
void add_data_routes(http::Router& router, Services& services);

}  // namespace mayfly::api::native
