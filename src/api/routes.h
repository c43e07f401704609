#pragma once

#include "api/services.h"
#include "http/router.h"

namespace mayfly::api {

/// Every API that this server speaks.
void add_routes(http::Router& router, Services& services);

}  // namespace mayfly::api
