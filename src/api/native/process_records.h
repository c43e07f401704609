#pragma once
// Processes as the native API tells of them: one as an object, and one that is followed as a row of records.

#include <boost/json/object.hpp>

#include "http/message.h"
#include "http/router.h"
#include "app/execution.h"

namespace mayfly::api {
struct Services;
}

namespace mayfly::api::native {

boost::json::object render(const Process& process);

/// The number in the path. not_found for what is none, as for a process that never was.
Result<std::int64_t> process_id(const http::Request& request);

enum class RecordForm { lines, events };   // application/x-ndjson, text/event-stream
/// What the Accept header asks for; nothing when it does not ask for records.
std::optional<RecordForm> record_form_of(const http::Request& request);

/// One record for each piece of output, `started` before and `exit` after them; what breaks it off is an `error`.
http::Response records(std::unique_ptr<ProcessStream> stream, RecordForm form, std::string request_id);

void add_process_log_route(http::Router& router, Services& services);
void add_process_input_route(http::Router& router, Services& services);

}  // namespace mayfly::api::native
