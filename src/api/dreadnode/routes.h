#pragma once
// Runtimes and their sandboxes as clients of Dreadnode know them, below /api/v1. Its own word for a thing that has no
// name here is an extension; docs/openapi.yaml marks each.

#include "api/services.h"
#include "http/router.h"

namespace mayfly::api::dreadnode {

void add_runtime_routes(http::Router& router, Services& services);
void add_lifecycle_routes(http::Router& router, Services& services);
void add_sandbox_routes(http::Router& router, Services& services);
void add_inside_routes(http::Router& router, Services& services);

void add_routes(http::Router& router, Services& services);

}  // namespace mayfly::api::dreadnode
