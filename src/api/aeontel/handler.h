#pragma once
// The frame around every handler of this dialect, and its one error body:
// {"error": {code, message, requestId, param?, path?, allowed?, reason?}}.

#include <functional>

#include "api/services.h"
#include "core/query/refusal.h"
#include "http/router.h"

namespace mayfly::api::aeontel {

http::Response refused(const Error& error, const http::Request& request);
http::Response refused(const query::Refusal& refusal, const http::Request& request);
/// For what the server itself refuses, where no handler was reached.
http::Response refused(int status, std::string_view detail, const http::Request& request);

using Body = std::function<Result<http::Response>(const Caller&, const http::Request&)>;
http::BlockingHandler blocking(Services& services, Body body);

}  // namespace mayfly::api::aeontel
