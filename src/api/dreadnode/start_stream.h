#pragma once

#include "api/services.h"
#include "core/idempotency.h"
#include "http/message.h"

namespace mayfly::api::dreadnode {

/// A start as server-sent events: `progress` for each state that the sandbox comes into and each attempt that fails,
/// then `result` with the body of a start, or `error` with an envelope. Whoever leaves changes nothing.
Result<http::Response> stream_start(Services& services, const Caller& caller, const Once& once,
                                    const http::Request& request);

}  // namespace mayfly::api::dreadnode
