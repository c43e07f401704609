#pragma once

#include "app/access.h"
#include "http/message.h"

namespace mayfly::api {

/// The caller behind Authorization: Bearer, X-API-Key or X-Blaxel-Authorization: Bearer. Several that differ are none.
Result<Caller> authenticate(Access& access, const http::Request& request);

}  // namespace mayfly::api
