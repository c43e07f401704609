#pragma once
// The native error body, RFC 9457: {type, title, status, detail, code, request_id, errors?}.

#include "base/result.h"
#include "http/message.h"

namespace mayfly::api {

int status_of(Code code);
http::Response problem(const Error& error, const std::string& request_id);

/// For what the server itself refuses, where no handler was reached.
http::Response problem(int status, std::string_view detail, const http::Request& request);

http::Response json_response(int status, std::string body);

}  // namespace mayfly::api
