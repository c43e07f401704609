#pragma once

#include "app/access.h"
#include "http/message.h"

namespace mayfly::api {

/// The caller behind Authorization: Bearer, X-API-Key or X-Blaxel-Authorization: Bearer. Several that differ are none.
/// They act in the workspace that X-Mayfly-Workspace or ?workspace= names (id or slug), else at the home of their key.
/// A request that names none may do so in its dialect's way: `otherwise`.
Result<Caller> authenticate(Access& access, const http::Request& request, const std::string& otherwise = {});

}  // namespace mayfly::api
