#pragma once
// Idempotency-Key, as the routes see it. A repeat is answered from what the first call left: ids and times are those of
// the first, a resource is shown as it is now. Where a call leaves nothing by itself, its status and ids are kept here.

#include <functional>

#include "api/services.h"
#include "http/message.h"

namespace mayfly::api::native {

/// Empty when the request brings no key, or changes nothing. invalid: the key is broken.
Result<Once> once_of(Services& services, const Caller& caller, const http::Request& request);

/// For calls that wait for longer than a transaction: until `respond` is used a repeat is refused with conflict,
/// call_in_flight. Empty keys hold no place.
Result<http::Responder> holding_place(Services& services, const Once& once, http::Responder respond);

/// For calls whose effect the store does not see, or whose use case takes no Once: they are made and then remembered.
/// A server that dies in between lets a repeat be made again.
Result<http::Response> remembered(Services& services, const Once& once,
                                  const std::function<Result<http::Response>()>& call);
/// The same for one that answers later.
void remembered(Services& services, const Once& once, std::shared_ptr<const http::Request> request,
                http::Responder respond, std::function<void(http::Responder)> call);

}  // namespace mayfly::api::native
